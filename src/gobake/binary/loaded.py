"""Divides the sections that a Go program loads: code, read-only data, data and pclntab."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from gobake.binary import embedded, pclntab, references, types
from gobake.binary.buildinfo import MAIN, GoInfo, package_of
from gobake.binary.kinds import Kind, Label
from gobake.binary.pclntab import Pclntab
from gobake.binary.references import Owners
from gobake.binary.sections import Elf, Section, Symbol

_CODE = (".text", ".init", ".fini", ".plt", ".plt.got", ".plt.sec")
_READ_ONLY = (".rodata", ".typelink", ".itablink", ".eh_frame", ".eh_frame_hdr", ".gcc_except_table")
_DATA = (".data", ".noptrdata", ".go.module", ".tdata", ".init_array", ".fini_array")
REFERRING = frozenset((".rodata", ".data", ".noptrdata"))  # with pointers
DIVIDED = frozenset((*_CODE, *_READ_ONLY, *_DATA, ".gopclntab"))
_REGIONS = {  # symbols that begin a region whose content has no symbols
    "type:*": Kind.TYPES,
    "runtime.types": Kind.TYPES,
    "go:string.*": Kind.STRINGS,
    "go:funcdesc": Kind.RODATA,
    "go:func.*": Kind.PCLNTAB,
    "runtime.gcbits.*": Kind.TYPES,
}
_C = "C"  # the package of code that is no Go
_RUNTIME = "runtime"
_GAP = 64  # bytes: a shorter gap without a reference is padding

Claim = tuple[int, int, Label]  # (address, end, label)


class _Program(Struct, frozen=True, kw_only=True):
    elf: Elf
    symbols: Sequence[Symbol]
    main: str  # import path of the main package
    table: Pclntab | None
    functions: Sequence[str]  # the packages of the table's functions

    def package(self, name: str) -> str:
        found = package_of(name)
        return self.main if found == MAIN else found

    def first(self, name: str) -> Symbol | None:
        return next((symbol for symbol in self.symbols if symbol.name == name), None)

    @property
    def shared(self) -> int:
        """The address of go:func.*; 0 if unknown."""
        symbol = self.first("go:func.*")
        return symbol.address if symbol else self.table.shared if self.table else 0

    @property
    def buckets(self) -> int:
        """The address of findfunctab; 0 if unknown."""
        symbol = self.first("runtime.findfunctab")
        return symbol.address if symbol else self.table.buckets if self.table else 0


def divide(elf: Elf, symbols: Sequence[Symbol], info: GoInfo) -> Counter[Label]:
    """Return the bytes of the loaded sections by label."""
    sums: Counter[Label] = Counter()
    for begin, end, label in pieces(elf, symbols, info):
        sums[label] += end - begin
    return sums


def pieces(elf: Elf, symbols: Sequence[Symbol], info: GoInfo) -> Iterator[Claim]:
    """Yield the pieces of the loaded sections: each byte is in one, and those of a section are in its order."""
    main = info.package or MAIN
    text = next((symbol.address for symbol in symbols if symbol.name == "runtime.text"), None)
    table = pclntab.read(elf, text)
    functions = _packages(table, main) if table else ()
    program = _Program(elf=elf, symbols=symbols, main=main, table=table, functions=functions)
    code = _code(program)
    owner_of_code = Owners([(begin, label.package) for begin, _, label in code])
    for section in _sections(elf, _CODE):
        yield from _filled(section, code, {}, Kind.CODE)
    data = _Data(program, owner_of_code, info.go)
    for section in _sections(elf, (*_READ_ONLY, *_DATA)):
        yield from data.divided(section)
    if table:
        yield from _pclntab(program, table)


def _sections(elf: Elf, names: Iterable[str]) -> Iterator[Section]:
    for section in elf.sections:
        if section.stored and section.loaded and section.role in names:
            yield section


# ---- code


def _packages(table: Pclntab, main: str) -> tuple[str, ...]:
    """The package of each function; assembly's functions without one are of the package before them."""
    found, last = [], _RUNTIME
    for function in table.functions:
        package = package_of(function.name)
        last = (main if package == MAIN else package) or last
        found.append(last)
    return tuple(found)


def _code(program: _Program) -> list[Claim]:
    """The functions, by address: of the symbols, and of pclntab where there are none."""
    of_table = {f.address: owner for f, owner in zip(_functions(program), program.functions, strict=True)}
    claims = []
    for section in _sections(program.elf, _CODE):
        last = _RUNTIME
        for symbol in program.symbols:
            if section.address <= symbol.address < section.address + section.size and symbol.size:
                if symbol.name.startswith("go:"):  # marks of the linker
                    last = _RUNTIME
                else:
                    go = of_table.get(symbol.address)
                    last = program.package(symbol.name) or go or (_C if of_table else last)
                claims.append((symbol.address, symbol.address + symbol.size, Label(Kind.CODE, last)))
    if not claims:
        pairs = zip(_functions(program), program.functions, strict=True)
        claims = [(f.address, f.end, Label(Kind.CODE, owner)) for f, owner in pairs]
    return sorted(claims, key=lambda claim: (claim[0], -claim[1]))


def _functions(program: _Program) -> tuple[pclntab.Function, ...]:
    return program.table.functions if program.table else ()


# ---- filling sections


def _filled(section: Section, claims: Sequence[Claim], marks: Mapping[int, Label], kind: Kind) -> Iterator[Claim]:
    """Give each byte of a section to the claim that has it, or else to the last mark before it.

    ``claims``: by address. ``marks``: where something begins whose end is not known. ``kind``: of the section.
    """
    ordered = sorted(marks)
    cursor, last = section.address, Label(kind)
    stop = section.address + section.size
    for begin, end, label in claims[bisect_left(claims, (section.address,)) :]:
        if begin >= stop:
            break
        end = min(end, stop)
        if end > cursor:
            if begin > cursor:
                yield from _gap(cursor, begin, marks, ordered, last)
                cursor = begin
            yield cursor, end, label
            cursor, last = end, label
    if cursor < stop:
        yield from _gap(cursor, stop, marks, ordered, last)


def _gap(begin: int, end: int, marks: Mapping[int, Label], ordered: Sequence[int], last: Label) -> Iterator[Claim]:
    at = bisect_left(ordered, begin)
    first = ordered[at] if at < len(ordered) else end
    stop = min(first, end)
    if stop > begin:
        yield begin, stop, Label(Kind.PADDING, last.package) if stop - begin < _GAP else Label(Kind.UNATTRIBUTED)
    inside = ordered[at : bisect_left(ordered, end, at)]
    for mark, until in zip(inside, (*inside[1:], end), strict=False):
        yield mark, until, marks[mark]


# ---- data


class _Data:
    """Claims and marks of read-only data and data."""

    def __init__(self, program: _Program, owner_of_code: Owners, go: str) -> None:
        self._program = program
        if not program.symbols:
            return
        elf = program.elf
        self._sections = [*_sections(elf, (*_READ_ONLY, *_DATA))]
        low = min((s.address for s in self._sections), default=0)
        high = max((s.address + s.size for s in self._sections), default=0)
        self._regions = regions(elf, program.symbols)
        claims = [*self._of_symbols(), *embedded.files(elf, program.symbols, program.package)]
        claims.sort(key=lambda claim: (claim[0], -claim[1]))
        owners: dict[int, str] = {}
        for section in _sections(elf, _CODE):
            for at, target in references.of_code(elf, section, low, high):
                owners.setdefault(target, owner_of_code(at))
        owners |= self._functions_of_values(owner_of_code)
        if program.table and program.shared:
            owners |= pclntab.data_of_functions(program.table, program.functions, program.shared)
        self._follow(claims, owners, low, high)
        claims += self._types(owners, go)
        self._claims = sorted(claims, key=lambda claim: (claim[0], -claim[1]))
        self._marks = {target: Label(self._kind(target), owner) for target, owner in owners.items() if owner}

    def divided(self, section: Section) -> Iterator[Claim]:
        kind = Kind.RODATA if section.role in _READ_ONLY else Kind.DATA
        if label := self._of_whole(section, kind):
            return iter([(section.address, section.address + section.size, label)])
        return _filled(section, self._claims, self._marks, kind)

    def _of_whole(self, section: Section, kind: Kind) -> Label | None:
        if section.role in (".typelink", ".itablink"):
            return Label(Kind.TYPES, _RUNTIME)
        if section.role == ".go.module":
            return Label(Kind.DATA, _RUNTIME)
        if section.role.startswith((".eh_frame", ".gcc_except", ".init_array", ".fini_array")):
            return Label(Kind.RODATA, _C)
        if not self._program.symbols:  # nothing tells where anything begins: references alone guess badly
            return Label(kind)
        return None

    def _of_symbols(self) -> Iterator[Claim]:
        for symbol in self._program.symbols:
            if symbol.size and symbol.name not in _REGIONS:
                kind = self._kind(symbol.address)
                if symbol.name.startswith("go:itab."):
                    kind = Kind.TYPES
                package = self._program.package(symbol.name)
                if not package:
                    package = _RUNTIME if symbol.name.startswith(("go:", "type:", "runtime")) else _C
                yield symbol.address, symbol.address + symbol.size, Label(kind, package)

    def _kind(self, address: int) -> Kind:
        for begin, end, kind in self._regions:
            if begin <= address < end:
                return kind
        return Kind.DATA

    def _functions_of_values(self, owner_of_code: Owners) -> dict[int, str]:
        """The function values in go:funcdesc: each is the address of its function."""
        code = self._program.elf.section(".text")
        place = self._program.first("go:funcdesc")
        if code is None or place is None:
            return {}
        pairs = references.of_data(self._program.elf, self._sections, code.address, code.address + code.size)
        end = next((end for begin, end, _ in self._regions if begin == place.address), place.address)
        return {at: owner_of_code(target) for at, target in pairs if place.address <= at < end}

    def _follow(self, claims: Sequence[Claim], owners: dict[int, str], low: int, high: int) -> None:
        """Add what data refers to; three times, since what is found so refers to more."""
        pairs = list(references.of_data(self._program.elf, self._sections, low, high))
        for _ in range(3):
            entries = {begin: label.package for begin, _, label in claims} | owners
            owner_of = Owners(sorted(entries.items()))
            new = {target: owner_of(at) for at, target in reversed(pairs) if target not in owners}
            if not new:
                break
            owners.update(new)

    def _types(self, owners: Mapping[int, str], go: str) -> Iterator[Claim]:
        for low, high, kind in self._regions:
            if kind is Kind.TYPES and high - low > 1:
                seeds = sorted((at, owner) for at, owner in owners.items() if low <= at < high)
                for one in types.described(self._program.elf, low, high, seeds, go):
                    package = self._program.main if one.package == MAIN else one.package
                    yield one.address, one.end, Label(Kind.TYPES, package)


def regions(elf: Elf, symbols: Sequence[Symbol]) -> list[tuple[int, int, Kind]]:
    """The regions of read-only data whose content has no symbols; each ends where a symbol begins."""
    found = []
    sections = [*_sections(elf, _READ_ONLY)]
    places = sorted({s.address for s in symbols if s.size or s.name in _REGIONS})
    for symbol in symbols:
        kind = _REGIONS.get(symbol.name)
        section = next((s for s in sections if s.address <= symbol.address < s.address + s.size), None)
        if kind and section:
            at, end = bisect_left(places, symbol.address + 1), section.address + section.size
            found.append((symbol.address, min([end, *places[at : at + 1]]), kind))
    return sorted(found) + [(s.address, s.address + s.size, Kind.RODATA) for s in sections]


# ---- pclntab


def _pclntab(program: _Program, table: Pclntab) -> Iterator[Claim]:
    section = table.section
    end = section.address + section.size
    found = {section.address + at: owner for at, owner in pclntab.starts(table, program.functions, program.elf).items()}
    found |= pclntab.data_of_functions(table, program.functions, program.shared)
    if section.address < program.buckets < end:
        by_code = [(f.address, owner) for f, owner in zip(table.functions, program.functions, strict=True)]
        text = table.functions[0].address if table.functions else 0
        found |= pclntab.buckets(program.buckets, end, text, by_code)
    labels = {owner: Label(Kind.PCLNTAB, owner) for owner in set(found.values())}
    marks = {at: labels[owner] for at, owner in found.items() if section.address <= at < end}
    return _filled(section, (), marks, Kind.PCLNTAB)
