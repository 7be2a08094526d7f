"""The page of `gobake deps`: one file that asks nobody, whatever modules are called; and what its script does."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.report.html import deps
from gobake.report.html.deps import as_html, rows
from tests.conftest import Tree
from tests.unit.cli.test_commands import good
from tests.unit.deps.test_removed import SERVICES
from tests.unit.report.test_deps import linking

HOSTILE = "\x1b[31mevil\u202e\"'><script>alert(1)</script></style>{{ 7 * 7 }}"


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {key: value or "" for key, value in attrs}))

    def of(self, tag: str) -> list[dict[str, str]]:
        return [found for name, found in self.found if name == tag]


def assert_only_text(html: str, harmless: str) -> None:
    """A page with HOSTILE names has the elements and attributes of one with harmless names, and shows the names."""
    page, plain = Elements(html), Elements(harmless)
    assert {tag for tag, _ in page.found} == {tag for tag, _ in plain.found}
    assert {key for _, found in page.found for key in found} == {key for _, found in plain.found for key in found}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", html)
    assert "{{ 7 * 7 }}" in html


def test_the_policy_admits_what_is_in_the_file_and_nothing_else() -> None:
    html = as_html(linking("example.org/x", 3))
    (policy,) = [found["content"] for found in Elements(html).of("meta") if "http-equiv" in found]
    bodies = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", html, re.DOTALL)
    wanted = {base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == wanted
    assert len(bodies) == 2
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert not re.search(r"url\(|@import|\bstyle=", html)


def test_every_link_leads_to_a_module_or_a_section() -> None:
    page = Elements(as_html(linking("example.org/x", 30)))
    names = [found["id"] for _, found in page.found if "id" in found]
    assert len(names) == len(set(names))
    assert {found["href"] for found in page.of("a")} <= {f"#{name}" for name in names}
    assert {found["for"] for found in page.of("label") if "for" in found} == set()
    assert not [found for _, found in page.found if "src" in found or any(key.startswith("on") for key in found)]


def test_hostile_names_are_text_and_nothing_else() -> None:
    hostile, harmless = as_html(linking(HOSTILE, 3)), as_html(linking("example.org/x", 3))
    assert [tag for tag, _ in Elements(hostile).found] == [tag for tag, _ in Elements(harmless).found]
    assert_only_text(hostile, harmless)


def test_hundreds_of_modules_stay_a_small_page() -> None:
    html = as_html(linking("example.org/x", 400))
    assert html.count('class="module"') == 401
    assert len(html) < 2_000_000  # a chain: half of it are paths


def test_bars_show_seconds_where_any_are_known_and_packages_otherwise() -> None:
    known = rows(linking("example.org/x", 2))
    assert [(row.path, row.share, row.weight) for row in known][:2] == [
        ("example.org/x", 1.0, 1.5),
        ("example.org/m0", 0.0, 0.0),
    ]
    assert dict(known[1].imported_by) == {"m0": "example.org/x"}


def test_the_command_writes_a_file(tree: Tree, tmp_path: Path) -> None:
    root = tree(SERVICES)
    file = tmp_path / "deps.html"
    assert str(file) in good("deps", "-C", str(root), "--offline", "--format", "html", "-o", str(file))
    html = file.read_text()
    assert "needed by example.org/x" in html
    good("deps", "-C", str(root), "--offline", "--format", "json", "-o", str(tmp_path / "deps.json"))
    assert json.loads((tmp_path / "deps.json").read_text())["schema"] == 1


STUB = """
const made = (name, weight, direct) => ({
  name, hidden: false, open: false, dataset: { weight, direct }, classList: { contains: () => true },
  querySelector: () => ({ textContent: name, focus() {} }), scrollIntoView() {},
});
const modules = [made("example.org/Heavy", "3.5", "yes"), made("example.org/light", "0.5", "no")];
const controls = {};
const control = (id) => (controls[id] ??= { value: "", checked: false, on: {}, addEventListener(e, f) { this.on[e] = f; } });
globalThis.document = {
  querySelectorAll: () => modules,
  getElementById: (id) => (/^m\\d/.test(id) ? modules[Number(id.slice(1))] : id ? control(id) : null),
  addEventListener() {},
};
globalThis.location = { hash: "" };
const events = {};
globalThis.addEventListener = (name, doing) => { events[name] = doing; };
require(process.argv[2]);
const shown = () => modules.filter((one) => !one.hidden).map((one) => one.name.slice(12)).join(",");
const told = [shown()];
const set = (id, key, value) => { control(id)[key] = value; control(id).on.input(); told.push(shown()); };
set("search", "value", "HEAVY"); set("search", "value", ""); set("least", "value", "1"); set("least", "value", "0");
set("direct", "checked", true);
location.hash = "#m1"; events.hashchange(); told.push(shown(), modules[1].open);
control("collapse").on.click(); told.push(modules[1].open, control("controls").hidden, control("count").textContent);
console.log(JSON.stringify(told));
"""


def driven(stub: str, folder: Path) -> Any:
    """Run the page's script on a stand-in of a page, and return what that tells."""
    (folder / "stub.js").write_text(stub)
    script = Path(deps.__file__).with_name("deps.js")
    done = subprocess.run(
        ["node", str(folder / "stub.js"), str(script)], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(not shutil.which("node"), reason="no JavaScript here")
def test_the_list_is_searched_filtered_and_followed(tmp_path: Path) -> None:
    told = driven(STUB, tmp_path)
    both = "Heavy,light"
    assert told == [
        *(both, "Heavy", both, "Heavy", both, "Heavy"),
        *(both, True, False, False, "1 of 2 modules"),
    ]


MANY = """
const modules = Array.from({ length: 120 }, (_, at) => ({
  hidden: false, open: false, dataset: { weight: String(120 - at), direct: "yes" },
  querySelector: () => ({ textContent: `example.org/m${at}` }),
}));
const controls = {};
const control = (id) => (controls[id] ??= { value: "", hidden: true, on: {}, addEventListener(e, f) { this.on[e] = f; } });
globalThis.document = { querySelectorAll: () => modules, getElementById: (id) => id && control(id), addEventListener() {} };
globalThis.location = { hash: "" };
globalThis.addEventListener = () => {};
require(process.argv[2]);
const shown = () => modules.filter((one) => !one.hidden).length;
const told = [shown(), control("all").hidden, control("count").textContent];
control("search").value = "m119"; control("search").on.input(); told.push(shown(), control("all").hidden);
control("search").value = ""; control("search").on.input(); control("all").on.click();
told.push(shown(), control("all").hidden, control("count").textContent);
console.log(JSON.stringify(told));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="no JavaScript here")
def test_of_many_modules_the_heaviest_are_drawn_until_all_are_asked_for(tmp_path: Path) -> None:
    told = driven(MANY, tmp_path)
    assert told == [
        *(100, False, "120 of 120 modules, the 100 heaviest shown"),
        *(1, True),
        *(120, True, "120 of 120 modules"),
    ]


def test_many_remarks_are_folded_and_paths_are_told_where_the_module_is() -> None:
    few = linking("example.org/x", 1)
    assert '<details class="remarks" open>' in as_html(few)
    many = replace(few, duplicates=tuple((f"a/m{at}", f"a/m{at}/v2") for at in range(20)))
    assert '<details class="remarks"><summary>' in as_html(many)
    assert "stays without imports" not in as_html(few)
