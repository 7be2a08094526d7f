"""What a program would lose without some of its packages: what Go's linker keeps only for them goes with them.

Follows the rules of the linker (cmd/link/internal/ld/deadcode.go) through the finished program. Kept is what kept code
and data refer to; a method, where its type and an interface that asks for it are kept; every exported method, where
reflection may call one by its name; the content of a map, where the map is kept. What nothing visible refers to stays.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from gobake.binary import buildinfo, loaded, references, sections, types
from gobake.binary.buildinfo import package_of
from gobake.binary.elf import NoProgram
from gobake.binary.kinds import Kind, Label
from gobake.binary.loaded import Claim
from gobake.binary.sections import NOTHING_ON_DISK, Elf, Symbol

_ROOTS = ("main.main", "runtime.main", "go:main.inittasks", "runtime.unreachableMethod")
_ENTRY = "_rt0_"
_TABLES = ("runtime.firstmoduledata", "runtime.moduledata")  # refer to everything
_BY_NAME = ("reflect.Value.Method", "reflect.Value.MethodByName", "reflect.Value.Methods")
_BY_NAME_OF_TYPE = ("reflect.(*rtype).Method", "reflect.(*rtype).MethodByName", "reflect.(*rtype).Methods")
_FILLS = ".map.init."  # functions that fill the map of a variable
_ITAB = "go:itab."
_NO_KIND = 0

_Signature = tuple[str, int]  # of a method: its name and the address of its function type


class Reach:
    """The pieces of a program, and what each refers to."""

    def __init__(self, elf: Elf) -> None:
        """Raises NoProgram for a program without symbols."""
        symbols = sections.symbols(elf)
        if not symbols:
            raise NoProgram("a program without symbols")
        info = buildinfo.read(elf)
        self._main = info.package
        self._tables, self._pieces = _divided(loaded.pieces(elf, symbols, info))
        stored = len(self._pieces)
        self._pieces += self._variables(elf, symbols)
        order = sorted(range(len(self._pieces)), key=lambda at: self._pieces[at][0])
        self._sizes = [self._pieces[at][1] - self._pieces[at][0] if at < stored else 0 for at in order]
        self._pieces = [self._pieces[at] for at in order]
        self._starts = [begin for begin, _, _ in self._pieces]
        self._follow: list[set[int]] = [set() for _ in self._pieces]
        self._methods: dict[int, list[tuple[_Signature, tuple[int, ...]]]] = {}
        self._asked: dict[int, tuple[_Signature, ...]] = {}
        self._refer(elf)
        self._describe(elf, symbols, info.go)
        self._by_symbols(symbols)
        reached = self._kept(self._roots, frozenset())
        self._hidden = [at for at in range(len(self._pieces)) if not reached[at]]

    def bytes_without(self, packages: Collection[str]) -> int:
        """Return the bytes that the program would lose without these packages."""
        gone = frozenset(packages)
        kept = self._kept((*self._roots, *self._hidden), gone)
        lost, code, lost_code = 0, Counter[str](), Counter[str]()
        for at, ((_, _, label), size) in enumerate(zip(self._pieces, self._sizes, strict=True)):
            if label.kind is Kind.CODE:
                code[label.package] += size
            if not kept[at]:
                lost += size
                if label.kind is Kind.CODE:
                    lost_code[label.package] += size
        tables = sum(self._tables[package] for package in gone)
        tables += sum(self._tables[p] * size // code[p] for p, size in lost_code.items() if size and p not in gone)
        return lost + tables

    # ---- what refers to what

    def _variables(self, elf: Elf, symbols: Sequence[Symbol]) -> Iterator[Claim]:
        """Variables that are zero at the start: the file has no byte of them, but they may hold a map."""
        zero = [s for s in elf.sections if s.kind == NOTHING_ON_DISK and s.loaded]
        last = 0
        for symbol in symbols:
            inside = any(s.address <= symbol.address < s.address + s.size for s in zero)
            if inside and symbol.size and symbol.address >= last:
                last = symbol.address + symbol.size
                package = package_of(symbol.name)
                yield symbol.address, last, Label(Kind.DATA, self._main if package == "main" else package)

    def _piece(self, address: int) -> int:
        """Return the index of the piece at an address; -1 for none."""
        at = bisect_right(self._starts, address) - 1
        return at if at >= 0 and address < self._pieces[at][1] else -1

    def _add(self, pairs: Iterable[tuple[int, int]]) -> None:
        for begin, target in pairs:
            at, other = self._piece(begin), self._piece(target)
            if at >= 0 and other >= 0 and at != other:
                self._follow[at].add(other)

    def _refer(self, elf: Elf) -> None:
        """Add what code and data refer to."""
        functions = {begin for begin, _, label in self._pieces if label.kind is Kind.CODE}
        low, high = min(self._starts, default=0), max((end for _, end, _ in self._pieces), default=0)
        for section in elf.sections:
            if section.role == ".text":
                self._add(references.of_code(elf, section, low, high))
                self._add(references.of_calls(elf, section, functions))
        data = [s for s in elf.sections if s.loaded and s.stored and s.role in loaded.REFERRING]
        code = [s for s in elf.sections if s.role == ".text"]
        for at, target in references.of_data(elf, data, low, high):
            inside = any(s.address <= target < s.address + s.size for s in code)
            if not inside or target in functions:  # a number may look like an address of code
                self._add([(at, target)])

    def _describe(self, elf: Elf, symbols: Sequence[Symbol], go: str) -> None:
        """Add what types consist of, and the methods that they have and ask for."""
        code = elf.section(".text")
        text = next((s.address for s in symbols if s.name == "runtime.text"), code.address if code else 0)
        for low, high, kind in loaded.regions(elf, symbols):
            if kind is not Kind.TYPES or high - low <= 1:
                continue
            for one in types.descriptors(elf, low, high, self._starts, go):
                at = self._piece(one.address)
                self._add((one.address, other) for other in one.others)
                self._asked[at] = one.asked
                self._methods[at] = [
                    ((method.name, method.kind), self._pieces_at(method.kind, *(text + to for to in method.functions)))
                    for method in one.methods
                    if method.functions
                ]

    def _pieces_at(self, *addresses: int) -> tuple[int, ...]:
        return tuple(at for address in addresses if (at := self._piece(address)) >= 0)

    def _by_symbols(self, symbols: Sequence[Symbol]) -> None:
        """Take out references by which the linker does not keep anything, and find the roots."""
        named = {symbol.name: self._piece(symbol.address) for symbol in symbols if symbol.size}
        self._roots = [at for name, at in named.items() if at >= 0 and (name in _ROOTS or name.startswith(_ENTRY))]
        of_values, of_types = ({named[n] for n in names if n in named} for names in (_BY_NAME, _BY_NAME_OF_TYPE))
        self._by_name = frozenset(of_values or of_types)
        for at, methods in self._methods.items() if of_values else ():  # no interface asks for these: only reflection
            self._methods[at] = [
                (called if of_types.isdisjoint(needs) else (called[0], _NO_KIND), needs) for called, needs in methods
            ]
        fills = {at for name, at in named.items() if _FILLS in name and self._pieces[at][2].kind is Kind.CODE}
        for follow in self._follow if fills else ():
            follow -= fills
        for at in fills:
            for variable in [one for one in self._follow[at] if not self._sizes[one]]:
                self._follow[variable].add(at)
        for name, at in named.items():
            if name.startswith(_ITAB):
                self._follow[at] = {one for one in self._follow[at] if self._pieces[one][2].kind is not Kind.CODE}
            elif name in _TABLES:
                self._follow[at] = set()

    # ---- what is kept

    def _kept(self, roots: Iterable[int], gone: frozenset[str]) -> bytearray:
        """Return for each piece whether the linker would keep it without some packages."""
        kept = bytearray(len(self._pieces))
        todo: list[int] = []
        asked: set[_Signature] = set()
        waiting: dict[_Signature, list[tuple[int, ...]]] = {}
        by_name = False

        def keep(several: Iterable[int]) -> None:
            for one in several:
                if not kept[one] and self._pieces[one][2].package not in gone:
                    kept[one] = 1
                    todo.append(one)

        keep(roots)
        while todo:
            at = todo.pop()
            keep(self._follow[at])
            if at in self._by_name and not by_name:
                by_name = True
                for (name, _), methods in list(waiting.items()):
                    if name[:1].isupper():
                        for method in methods:
                            keep(method)
            for signature in self._asked.get(at, ()):
                if signature not in asked:
                    asked.add(signature)
                    for method in waiting.pop(signature, ()):
                        keep(method)
            for signature, method in self._methods.get(at, ()):
                if signature in asked or (by_name and signature[0][:1].isupper()):
                    keep(method)
                else:
                    waiting.setdefault(signature, []).append(method)
        return kept


def _divided(pieces: Iterable[Claim]) -> tuple[Counter[str], list[Claim]]:
    """Return the bytes of pclntab by package, and all other pieces, each with the padding behind it."""
    tables: Counter[str] = Counter()
    others: list[Claim] = []
    for begin, end, label in pieces:
        if label.kind is Kind.PCLNTAB:
            tables[label.package] += end - begin
        elif label.kind is Kind.PADDING and others and others[-1][1] == begin:
            others[-1] = (others[-1][0], end, others[-1][2])
        else:
            others.append((begin, end, label))
    return tables, others
