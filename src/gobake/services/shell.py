"""Finds `go build`, `go install` and `go run` in shell text. Pure, and lenient: it skips what it cannot parse.

Known variables are expanded. An unknown one becomes a mark with its name, which later stands for `*` in a path, or for
flags if its name says so (`$(GOFLAGS)`).
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping

from msgspec import Struct

MARK = re.compile("\x01([^\x02]*)\x02")
_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
_FLAGLIKE = re.compile(r"FLAG|OPT|ARG|TAG|LD|GC|MOD|VENDOR|INFO|VERBOSE|RACE|COVER|DEBUG|ENV|^V$", re.IGNORECASE)
_ROOTLIKE = re.compile(
    r"ROOT|CURDIR|PWD|TOP|REPO|^DIR$|SRC|SCRIPT|PROJECT|PACKAGE|PKG|IMPORT|MODULE|^GO", re.IGNORECASE
)
# Variables that a release sets from its commit; a value in the text is only a default
OWN = (
    r"(?:(?:GIT|VCS|CI|APP|PROJECT|PRODUCT|PACKAGE|PKG|BUILD|RELEASE|BINARY|BIN|IMAGE|REPO|SOURCE|HEAD|BRANCH|COMMIT|"
    r"VERSION|LATEST|CLOSEST|SHORT|FULL)"
    r"_)*"
)
_STAMPED = re.compile(OWN + r"(?:VERSION|COMMIT|REVISION|SHA|TAG|DATE|METADATA|TREE_?STATE|DIRTY)", re.IGNORECASE)
_GO_VARIABLE = re.compile(r"GO|GO_?CMD|GO_?BIN|GO_?EXE|GO_?TOOL|GO_?COMMAND|GOEXEC", re.IGNORECASE)
# go help build: the flags that take a value
_VALUED = frozenset(
    "o p C asmflags buildmode compiler covermode coverpkg exec gccgoflags gcflags installsuffix ldflags mod modfile "
    "overlay pgo pkgdir tags toolexec".split()
)
_SAID = frozenset(("echo", "printf", "@echo", "log", "info", "log_error"))
_NO_PROGRAM = frozenset(("plugin", "c-archive", "c-shared", "shared", "archive"))
DEEPEST = 8  # levels of variables within variables


class Call(Struct, frozen=True, kw_only=True):
    """One go command and the folder in which it runs, relative to the folder where the script starts."""

    verb: str  # build, install or run
    folder: str
    packages: tuple[str, ...]  # folders, `.` by default
    paths: tuple[str, ...] = ()  # import paths
    files: tuple[str, ...] = ()  # names of the Go files, if files are named instead of packages
    output: str = ""
    ldflags: str = ""
    tags: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number of the first line, text); continued lines are joined and comments dropped."""
    begun, number = "", 0
    for at, line in enumerate(text.splitlines(), start=1):
        if not begun:
            number = at
        if line.lstrip().startswith("#"):
            continue  # also between continued lines, as in Dockerfiles
        whole = begun + line
        if whole.endswith("\\"):
            begun = whole[:-1] + " "
            continue
        begun = ""
        yield number, whole
    if begun:
        yield number, begun


def unstamped(known: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those that hold the built version."""
    return {name: value for name, value in known.items() if "$" in value or not _STAMPED.fullmatch(name)}


def expand(text: str, known: Mapping[str, str], depth: int = 0) -> str:
    """Expand ``$(NAME)``, ``${NAME:-else}`` and ``$NAME``; unknown variables become marks."""
    parts: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        inner, at = _reference(text, dollar)
        parts.append(_value(inner, known, depth) if inner else "$")
    return "".join([*parts, text[at:]])


def _reference(text: str, dollar: int) -> tuple[str, int]:
    """Return the reference after a dollar sign without its brackets, and the index after it."""
    at = dollar + 1
    if text[at : at + 1] == "$":  # a shell's variable in a Makefile
        at += 1
    opening = text[at : at + 1]
    if opening in ("(", "{"):
        end = _closing(text, at)
        return text[at + 1 : end] or "?", end + 1
    if opening in ("@", "<", "*", "^", "?"):
        return opening, at + 1
    name = _NAME.match(text, at)
    return (name[0], name.end()) if name else ("", at)


def _closing(text: str, at: int) -> int:
    opening, closing = text[at], ")" if text[at] == "(" else "}"
    deep = 0
    for index in range(at, len(text)):
        deep += (text[index] == opening) - (text[index] == closing)
        if not deep:
            return index
    return len(text)


def _value(inner: str, known: Mapping[str, str], depth: int) -> str:
    called = re.match(r"call\s+(\w+)", inner)
    name = called[1] if called else inner
    plain = re.match(r"([A-Za-z_]\w*|[@<*^])(?::?[-=](.*))?$", name, re.DOTALL)
    if not plain and "$" in name and depth < DEEPEST:
        return _computed(globbed(expand(name, known, depth + 1)), known, depth)
    if not plain or depth >= DEEPEST:
        return f"\x01{'?' if not plain else plain[1]}\x02"
    if plain[1] in known:
        value = expand(known[plain[1]], known, depth + 1)
        return f"\x01{plain[1]}\x02" if value == "\x01?\x02" else value
    return expand(plain[2], known, depth + 1) if plain[2] else f"\x01{plain[1]}\x02"


def _computed(name: str, known: Mapping[str, str], depth: int) -> str:
    """Return the values of all variables that a computed name may mean: `$(main.$(@F))`."""
    if not re.fullmatch(r"[\w.*-]*[A-Za-z_][\w.*-]*", name):
        return "\x01?\x02"
    pattern = re.compile(re.escape(name).replace(r"\*", r"[\w.-]+"))
    values = [expand(value, known, depth + 1) for key, value in known.items() if pattern.fullmatch(key)]
    return " ".join(values) or "\x01?\x02"


def globbed(text: str) -> str:
    """Replace marks by `*`."""
    return re.sub(r"\*+", "*", MARK.sub("*", text))


def calls(line: str, folder: str, stack: list[str]) -> tuple[list[Call], str]:
    """Return the go commands of an expanded line, and the shell's folder after it.

    ``stack``: the folders that brackets and pushd return to; it is modified.
    """
    go_calls: list[Call] = []
    words: list[str] = []
    for token in [*_tokens(line), ";"]:
        if token and set(token) <= set(";&|()\n"):
            folder = _step(words, folder, stack, go_calls)
            words = []
            folder = _brackets(token, folder, stack)
        else:
            words.append(token)
    return go_calls, folder


def _tokens(line: str) -> list[str]:
    lexer = shlex.shlex(line.replace("`", ""), posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return list(lexer)
    except ValueError:  # a quotation that ends on another line
        return re.findall(r"[;&|()]+|[^\s;&|()]+", line.replace('"', "").replace("'", ""))


def _brackets(token: str, folder: str, stack: list[str]) -> str:
    for mark in token:
        if mark == "(":
            stack.append(folder)
        elif mark == ")" and stack:
            folder = stack.pop()
    return folder


def _step(words: list[str], folder: str, stack: list[str], go_calls: list[Call]) -> str:
    """Add a go command to ``go_calls``, or follow a change of folder; return the folder."""
    bare = [word for word in words if word not in ("@", "then", "else", "do", "{", "!", "-")]
    verb = bare[0].lstrip("@-") if bare else ""
    if verb == "popd":
        return stack.pop() if stack else folder
    if verb in ("cd", "pushd") and len(bare) > 1:
        if verb == "pushd":
            stack.append(folder)
        return below(folder, bare[1])
    call = _call(bare, folder)
    if call:
        go_calls.append(call)
    return folder


def below(folder: str, word: str) -> str:
    """Return the folder that a shell word names, relative to ``folder`` unless it begins at the root."""
    lead = re.match("\x01([^\x02]*)\x02/?", word)
    if lead and (lead[1] == "?" or _ROOTLIKE.search(lead[1])):
        return posixpath.normpath(word[lead.end() :] or ".")
    return posixpath.normpath(posixpath.join(folder, word))


def _call(words: list[str], folder: str) -> Call | None:
    at = next((i for i in range(len(words) - 1) if _is_go(words[i])), None)
    if at is None or _SAID & {word.lstrip("@-") for word in words[:at]}:
        return None
    env = tuple((k, v) for k, _, v in (w.partition("=") for w in words[:at] if _ASSIGNED.match(w)))
    rest = words[at + 1 :]
    if rest[0] == "-C" and len(rest) > 2:
        folder, rest = below(folder, rest[1]), rest[2:]
    if rest[0] not in ("build", "install", "run"):
        return None
    system = dict(env).get("GOOS", "linux")
    if system not in ("linux", "") and "\x01" not in system:
        return None
    return _arguments(rest[0], rest[1:], folder, env)


def _is_go(word: str) -> bool:
    bare = word.lstrip("@-")
    mark = MARK.fullmatch(bare)
    if mark:
        return bool(_GO_VARIABLE.fullmatch(mark[1]))
    return bool(re.fullmatch(r"(?:.*/)?(?:xx-)?go", bare))


def _arguments(verb: str, words: list[str], folder: str, env: tuple[tuple[str, str], ...]) -> Call | None:
    values: dict[str, str] = {}
    flags: list[str] = []
    packages: list[str] = []
    paths: list[str] = []
    files: list[str] = []
    open_ended: list[str] = []
    unknown = False
    rest = iter(words)
    for word in rest:
        if re.match(r"\d*[<>]", word):
            break
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            if not equals and name in _VALUED:
                value = next(rest, "")
            values[name] = value
            flags.append(word if equals or name not in _VALUED else f"{word}={value}")
            continue
        mark = MARK.fullmatch(word)
        if mark:
            unknown |= not _FLAGLIKE.search(mark[1])
        elif word.endswith("..."):
            open_ended.append(word)
        elif not _sort(word, folder, packages, paths):
            unknown = True
        elif word.endswith(".go"):
            files.append(posixpath.basename(word))
        if verb == "run" and (packages or paths):
            break  # the rest are arguments of the program
    for word in open_ended:  # without -o, `go build ./...` writes no programs
        unknown |= not (verb == "install" or "o" in values) or not _sort(word, folder, packages, paths)
    folder = below(folder, values["C"]) if "C" in values else folder
    if values.get("o") == "/dev/null" or values.get("buildmode") in _NO_PROGRAM:
        return None
    if not packages and not paths:
        if unknown:
            return None
        packages.append(folder)
    return Call(
        verb=verb, folder=folder, packages=tuple(packages), paths=tuple(paths), output=_program(values.get("o", "")),
        ldflags=values.get("ldflags", ""), tags=tuple(t for t in re.split(r"[,\s]+", values.get("tags", "")) if t),
        flags=tuple(flags), env=env, files=tuple(files),
    )  # fmt: skip


def _sort(word: str, folder: str, packages: list[str], paths: list[str]) -> bool:
    """Add a package's folder or import path; return False if the word names no known package."""
    if "@" in word:
        return False
    bare = posixpath.dirname(word) or "." if word.endswith(".go") else word
    if re.match(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+/", bare) and not bare.startswith("."):
        paths.append(globbed(bare.rstrip("/")))
        return True
    if bare.startswith("/") and folder.startswith("/"):  # in a Dockerfile
        packages.append(posixpath.normpath(bare))
        return True
    if not re.match("[.\x01\\w]", bare):
        return False
    if not word.endswith(".go") and not bare.startswith((".", "\x01")) and "/" not in bare:
        return False  # a package of the standard library
    packages.append(below(folder, bare))
    return True


def _program(output: str) -> str:
    """Return the file name of -o without a platform suffix; "" if unknown."""
    if not output or output.endswith("/"):
        return ""
    base = re.sub(r"\.exe$", "", posixpath.basename(output))
    base = re.sub("(?:[-_.]?\x01[^\x02]*\x02)+$", "", base)
    base = re.sub(r"(?:[-_.](?:linux|amd64|arm64|x86_64))+$", "", base)
    return base if re.fullmatch(r"[A-Za-z0-9][\w.-]*", base) else ""
