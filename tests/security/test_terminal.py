"""What a repository's names would make a terminal do: titles, colours, moved cursors, text that is turned around."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from gobake.report.console import console_for
from gobake.text import say
from tests.conftest import REPOSITORY, Ended, Gobake, commit

ESCAPES = "\x1b]0;pwned\x07\x1b[31m\x1b[2J\x9b31m\x08\x7f\u202egpj\u2066\ufeff"
HOSTILE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
MAIN = "package main\n\nfunc main() {}\n"
NOWHERE = {"DOCKER_HOST": "unix:///nowhere", "CLICOLOR_FORCE": "1", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with hostile names wherever a name may stand."""
    root = tmp_path / f"sub{ESCAPES}\nerror: all is well"
    files = {
        "go.mod": "module example.com/shop\n\ngo 1.22\n",
        "main.go": MAIN,
        f"cmd/a{ESCAPES}/main.go": MAIN,
        "cmd/b\nerror: forged/main.go": MAIN,
        "cmd/c/main.go": f"package main // {ESCAPES}\n\nfunc main() {{ {ESCAPES} }}\n",
        "cmd/d/main.go": f'package main\n\nimport _ "example.com/{ESCAPES[-4:]}"\n\nfunc main() {{}}\n',
        f"{ESCAPES}.txt": "",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    commit(root, f"a commit {ESCAPES}")
    return root


COMMANDS = [
    ["plan"],
    ["plan", "--all"],
    ["plan", "--config", f"no{ESCAPES}.yaml"],
    ["plan", "--cache-policy", f"./no{ESCAPES}.yaml"],
    ["plan", "--cache-store", f"./store{ESCAPES}"],
    ["plan", f"no{ESCAPES}service"],
    ["build", "--dry-run"],
    ["build"],
    ["build", f"no{ESCAPES}service"],
    ["build", f"--no-such{ESCAPES}"],
    [f"no{ESCAPES}command"],
    ["init", "--stdout"],
    ["render", "--to", f"out{ESCAPES}"],
    ["render", "--to", f"main.go/{ESCAPES}"],
    ["runs", "ls"],
    ["runs", "show", f"no{ESCAPES}"],
    ["report"],
    ["explain"],
    ["metrics"],
    ["metrics", "--listen", f"1{ESCAPES}"],
    ["trust", "--show"],
    ["cache", "ls", "--cache-store", "./store"],
    ["cache", "prune", f"x{ESCAPES}", "--cache-store", "./store"],
]


def harmless(ended: Ended) -> None:
    for text in (ended.out, ended.err):
        ours = re.sub(r"\x1b\[[0-9;]*m", "", text)  # colours of our own, below they are none of the names'
        assert not HOSTILE.search(ours), repr(text)
        assert "\x1b[31m\x1b[2J" not in text
        assert not re.search(r"(?m)^error: (forged|all is well)", text), text


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(re.sub(r"[^a-z.-]", "", w) for w in words))
def test_no_name_reaches_the_terminal_as_more_than_its_letters(gobake: Gobake, root: Path, words: list[str]) -> None:
    harmless(gobake(*words, cwd=root, env=NOWHERE))


def test_a_configuration_that_is_wrong_is_quoted_without_its_escapes(gobake: Gobake, root: Path) -> None:
    for text in (f"x{ESCAPES[-4:]}: 1\n", f'name: "{json.dumps(ESCAPES)[1:-1]}"\n', f"name: [{ESCAPES}\n"):
        (root / "gobake.yaml").write_text(text, encoding="utf-8")
        ended = gobake("plan", cwd=root, env=NOWHERE)
        assert ended.code
        harmless(ended)


def test_json_keeps_what_a_program_needs(gobake: Gobake, root: Path) -> None:
    told = gobake.good("plan", "--format", "json", cwd=root, env=NOWHERE)
    harmless(told)
    assert told.json["project"]["root"] == str(root)


@given(st.text(st.characters(exclude_categories=[])))
def test_the_doors_let_nothing_through(text: str) -> None:
    for color in ("always", "never"):
        stream = io.StringIO()
        console = console_for(stream, color)
        table = Table(title=Text(text))
        table.add_column(Text(text))
        table.add_row(Text(text))
        console.print(Text(text), table)
        ours = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
        assert not HOSTILE.search(ours)


def test_a_text_in_a_table_begins_no_line_of_its_own() -> None:
    stream = io.StringIO()
    console = console_for(stream, "never")
    table = Table()
    table.add_row(Text("a\nerror: forged"), "b\nerror: forged")
    console.print(Text("a\nerror: forged"), table)
    assert not re.search(r"(?m)^\W*error", stream.getvalue())


def test_a_line_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    say.say(f"folder a\nerror: forged {ESCAPES}", err=True)
    say.say("", err=True)
    say.show(f"a table\n  of\ttwo lines{ESCAPES}")
    out, err = capsys.readouterr()
    assert err == "folder a error: forged gpj\n\n"
    assert out == "a table\n  of\ttwo linesgpj\n"


def printing() -> Iterator[str]:
    """Every call that could reach a terminal past the doors."""
    doors = {"say.py", "console.py"}
    for file in sorted((REPOSITORY / "src" / "gobake").rglob("*.py")):
        if file.name in doors:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write", "Console"):
                    yield f"{file.relative_to(REPOSITORY)}:{node.lineno}: {called}; use gobake.text.say or report/console.py"


def test_there_is_no_way_past_the_doors() -> None:
    assert list(printing()) == []
