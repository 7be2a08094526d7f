"""gobake.yaml that is wrong in its form or in its keys: each mistake is named with its line and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gobake.config.json_schema import schema
from gobake.config.loading import parse_config
from gobake.config.values import MAX_BYTES, Config
from gobake.errors import ConfigError

FILE = Path("gobake.yaml")
VALIDATOR = Draft202012Validator(schema())

# (id, text, line, a part of the message)
YAML = [
    ("not utf-8", b"name: shop\n# caf\xe9\n", 2, "gobake.yaml:2:6: byte 0xe9 is not UTF-8; save the file as UTF-8"),
    ("utf-16", "name: shop".encode("utf-16"), 1, "byte 0xff is not UTF-8"),
    ("too large", b"#" * (MAX_BYTES + 1), 0, "gobake.yaml: is larger than 1 MiB"),
    ("nul", "name: shop\ngo: 1\0", 2, "gobake.yaml:2:6: character U+0000 is not allowed"),
    ("escape", "\x1b[31m", 1, "character U+001B is not allowed"),
    ("tab", "services:\n\tapi:", 2, "gobake.yaml:2:1: a tab where YAML wants blanks; indent with blanks"),
    ("two values in a line", "name: a: b", 1, "gobake.yaml:1:8: is not YAML: mapping values are not allowed here"),
    ("open list", "include: [a, b\nname: x", 2, "expected ',' or ']', but got ':' while parsing a flow sequence"),
    ("open quote", 'name: "shop\n', 2, "found unexpected end of stream while scanning a quoted scalar"),
    ("bad indentation", "services:\n    api:\n  web:", 3, "is not YAML"),
    ("number beyond unicode", 'name: "\\UFFFFFFFF"', 1, "a number is too large for YAML"),
    ("version without end", f"%YAML {'9' * 5000}.1\n---\nname: x", 1, "a number is too large for YAML"),
    ("two documents", "name: a\n---\nname: b\n", 2, "gobake.yaml:2:1: a second document begins here"),
    ("two empty documents", "---\n---\n", 2, "a second document begins here"),
    (
        "python tag",
        "name: !!python/object/apply:os.system [id]",
        1,
        "tag '!!python/object/apply:os.system' is not allowed",
    ),
    (
        "python name tag",
        "services:\n  api:\n    user: !!python/name:os.system",
        3,
        "services.api.user: tag '!!python/name",
    ),
    ("own tag", "name: !secret shop", 1, "gobake.yaml:1:7: name: tag '!secret' is not allowed; write the plain value"),
    ("tag of a number", "go: !!float 1.20", 1, "tag '!!float' is not allowed"),
    ("tag of no kind", "services: ! {}", 1, "tag '!' is not allowed"),
    ("alias without anchor", "name: *shop", 1, "alias '*shop' has no anchor"),
    ("alias of itself", "services: &s\n  api: *s", 2, "services.api: alias '*s' stands inside of what it names"),
    ("alias of a list in itself", "include: &i [*i]", 1, "alias '*i' stands inside of what it names"),
    ("merge of itself", "services: &s\n  <<: *s", 2, "alias '*s' stands inside of what it names"),
    ("merge of text", "services:\n  api:\n    <<: yes", 3, "services.api.<<: << takes a mapping, or a list of them"),
    ("merge of nothing", "services: {api: {<<: }}", 1, "<< takes a mapping"),
    ("merge of texts", "services: {api: {<<: [{}, x]}}", 1, "<< takes a mapping"),
    ("merge twice", "defaults:\n  <<: {user: 1}\n  <<: {user: 2}", 3, "key '<<' is given twice"),
    (
        "same key twice",
        "name: a\ngo: 1.26\nname: b",
        3,
        "gobake.yaml:3:1: name: key 'name' is given twice; line 1 has it",
    ),
    (
        "same service twice",
        "services:\n  api:\n  web:\n  api:",
        4,
        "gobake.yaml:4:3: services.api: key 'api' is given twice",
    ),
    ("same variable twice", "defaults:\n  env:\n    A: 1\n    'A': 2", 4, "defaults.env.A: key 'A' is given twice"),
    ("list as key", "? [a, b]\n: c", 1, "a key must be text, not a list or mapping"),
    ("mapping as key", "{{a: b}: c}", 1, "a key must be text"),
    ("null as key", "defaults:\n  env:\n    ~: x", 3, "defaults.env.~: a key is missing"),
    ("empty key", "? \n: x", 1, "a key is missing"),
    ("too deep in lists", "include: " + "[" * 60 + "]" * 60, 1, "is nested more than 50 levels deep"),
    ("too deep in mappings", "\n".join(" " * n + "a:" for n in range(60)), 51, "is nested more than 50 levels deep"),
    ("very deep", "[" * 100_000, 1, "is nested more than 50 levels deep"),
    (
        "billion laughs",
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
        5,
        "a4: holds more than 100000 values once aliases are followed",
    ),
    (
        "billion laughs in mappings",
        "a0: &a0 {k: x}\n"
        + "".join(f"a{n}: &a{n} {{{', '.join(f'k{m}: *a{n - 1}' for m in range(10))}}}\n" for n in range(1, 12)),
        6,
        "holds more than 100000 values",
    ),
    (
        "long text many times",
        f"defaults:\n  env:\n    A: &a {'x' * 60_000}\n" + "".join(f"    A{n}: *a\n" for n in range(200)),
        109,
        "holds more than 100000 values",
    ),
    ("many values", "include:\n" + "- a\n" * 100_001, 100_001, "holds more than 100000 values"),
]

KEYS = [
    ("text", "shop", 1, "gobake.yaml:1:1: must be a mapping, not the text 'shop'; such as `services: {api:"),
    ("list", "- api\n- web", 1, "must be a mapping, not a list"),
    (
        "unknown key",
        "name: shop\nservicse: {}",
        2,
        "gobake.yaml:2:1: servicse: unknown key 'servicse'; did you mean 'services'?",
    ),
    ("key of nowhere", "zzz: 1", 1, "unknown key 'zzz'; one of name, registry, go, source_url"),
    ("key of a service on top", "platforms: [linux/amd64]", 1, "it belongs below `defaults` or a service"),
    ("package on top", "package: ./cmd/api", 1, "unknown key 'package'; it belongs below a service"),
    (
        "package in defaults",
        "defaults:\n  package: ./x",
        2,
        "unknown key 'package'; every service has its own",
    ),
    (
        "unknown key of a service",
        "services:\n  api:\n    platfroms: []",
        3,
        "gobake.yaml:3:5: services.api.platfroms: unknown key 'platfroms'; did you mean 'platforms'?",
    ),
    ("unknown key of defaults", "defaults:\n  Build-Tags: [x]", 2, "did you mean 'build_tags'?"),
    ("unknown base", "bases:\n  apline: x", 2, "bases.apline: unknown key 'apline'; did you mean 'alpine'?"),
    (
        "unknown key of a file",
        "defaults:\n  files:\n  - {src: a, target: /b}",
        3,
        "defaults.files.0.src: unknown key 'src'; did you mean 'source'?",
    ),
    ("unknown key with a line break", '"a\\nb": 1', 1, "a\\u000ab: holds a line break"),
    ("long unknown key", f"{'x' * 900}: 1", 1, "xxx…'; one of name"),
    ("name is a list", "name: [a]", 1, "name: must be one value, not a list; such as `name: shop`"),
    ("name is a mapping", "name:\n  a: b", 1, "gobake.yaml:1:1: name: must be one value, not a mapping"),
    ("name is missing", "go: 1.26\nname:", 2, "gobake.yaml:2:1: name: has no value"),
    ("name is null", "name: ~", 1, "name: has no value; such as `name: shop`"),
    ("services is a list", "services: [api]", 1, "services: must be a mapping, not a list"),
    ("services is text", "services: api", 1, "services: must be a mapping, not the text 'api'"),
    ("services is null", "services:", 1, "services: has no value"),
    ("no services", "services: {}", 1, "services: names no service; leave the key away"),
    (
        "service is text",
        "services:\n  api: ./cmd/api",
        2,
        "gobake.yaml:2:8: services.api: must be a mapping, not the text './cmd/api'",
    ),
    ("service is a list", "services:\n  api: [x]", 2, "services.api: must be a mapping, not a list"),
    ("defaults is a list", "defaults: []", 1, "defaults: must be a mapping, not a list"),
    ("bases is text", "bases: alpine", 1, "bases: must be a mapping, not the text 'alpine'"),
    ("bases is null", "bases:", 1, "bases: has no value"),
    (
        "list is text",
        "defaults:\n  platforms: linux/amd64",
        2,
        "gobake.yaml:2:14: defaults.platforms: must be a list, not the text 'linux/amd64'; such as `platforms: [linux/amd64, linux/arm64]`",
    ),
    ("list is null", "defaults:\n  tags:", 2, "defaults.tags: has no value"),
    ("list is a mapping", "defaults: {args: {a: b}}", 1, "defaults.args: must be a list, not a mapping"),
    (
        "list in a list",
        "defaults:\n  args:\n  - a\n  - [b]",
        4,
        "gobake.yaml:4:5: defaults.args.1: must be one value, not a list",
    ),
    ("null in a list", "defaults:\n  args: [a, ~]", 2, "defaults.args.1: has no value"),
    (
        "entrypoint as in a shell",
        "defaults: {entrypoint: /api --serve}",
        1,
        "must be a list, not the text '/api --serve'; such as `entrypoint: [\"/usr",
    ),
    ("empty word of the entrypoint", "defaults: {entrypoint: ['']}", 1, "defaults.entrypoint.0: must not be empty"),
    (
        "environment as a list",
        "defaults:\n  env:\n  - A=1",
        2,
        "defaults.env: must be a mapping, not a list; such as `env: {GOMEMLIMIT",
    ),
    ("variable without value", "defaults:\n  env:\n    A:", 3, "gobake.yaml:3:5: defaults.env.A: has no value"),
    ("variable that is a list", "defaults: {env: {A: [b]}}", 1, "defaults.env.A: must be one value, not a list"),
    (
        "yes for true",
        "defaults: {zoneinfo: yes}",
        1,
        "must be true or false, not the text 'yes'; write true or false, without quotes",
    ),
    ("quoted true", "defaults: {trimpath: 'true'}", 1, "must be true or false, not the text 'true'"),
    ("number for true", "discover: 1", 1, "must be true or false, not the text '1'"),
    ("nothing to build", "name: x\ndiscover: false", 2, "gobake.yaml:2:11: discover: nothing would be built"),
    ("file that is a list", "defaults: {files: [[a, b]]}", 1, "defaults.files.0: must be a mapping, not a list"),
    ("file without target", "defaults:\n  files:\n  - {source: a}", 3, "defaults.files.0: target is missing"),
    ("file without source", "defaults:\n  files: [{target: /a}]", 2, "defaults.files.0: source is missing"),
    ("mistake behind an alias", "defaults:\n  env: &e {A-B: x}\nservices: {api: {env: *e}}", 2, "defaults.env.A-B"),
]

# What YAML's own reader swallows or a schema cannot express
UNSEEN = {
    "yes for true",  # a boolean in YAML 1.1
    "same key twice",
    "same service twice",
    "same variable twice",
    "merge twice",
    "two empty documents",
    "nothing to build",
    "too large",
    "long text many times",
    "many values",
}


def complaint(text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        parse_config(text if isinstance(text, bytes) else text.encode("utf-8"), FILE)
    return raised.value


@pytest.mark.parametrize(("text", "line", "message"), [row[1:] for row in YAML], ids=[row[0] for row in YAML])
def test_what_is_no_sound_yaml_is_refused_where_it_goes_wrong(text: str | bytes, line: int, message: str) -> None:
    error = complaint(text)
    assert message in str(error)
    assert "\n" not in str(error)
    assert error.where is not None
    assert error.where.line == line


@pytest.mark.parametrize(("text", "line", "message"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_wrong_keys_and_wrong_types_are_named_with_their_place_and_remedy(text: str, line: int, message: str) -> None:
    error = complaint(text)
    assert message in str(error)
    assert "\n" not in str(error)
    assert error.where is not None
    assert (error.where.line, bool(error.where.column)) == (line, True)
    assert error.remedy


@pytest.mark.parametrize("text", [row[1] for row in KEYS if row[0] not in UNSEEN])
def test_an_editor_sees_the_same_mistake_by_the_schema(text: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))


# ---- whatever is thrown at it

PIECES = (
    "name services defaults bases api env files source target platforms user go : - ? & * << [ ] { } , # ! | > % @ ` ' "
    '" &a *a !!python/x --- ... ~ null true 1.20 linux/amd64 ${x} \\ \t \n \r \x85 \u2028 \ufeff é \U0001f600'
)
WORDS = st.sampled_from([*PIECES.split(" "), " ", "\n", "\n  ", "\n    ", ": ", "- ", ""])


def outcome(data: bytes) -> Config | ConfigError:
    """What becomes of a text; whatever else is raised fails the test."""
    try:
        return parse_config(data, FILE)
    except ConfigError as error:
        return error


@settings(deadline=None)
@given(st.lists(WORDS, max_size=40).map("".join) | st.text())
@example("- !")
@example('"\\ud800": 1')
def test_random_text_is_read_or_refused(text: str) -> None:
    assert "\n" not in str(outcome(text.encode("utf-8", "surrogatepass")))


@settings(deadline=None)
@given(st.binary())
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    assert outcome(data)


KNOWN = sorted({key for properties in (schema()["properties"],) if isinstance(properties, dict) for key in properties})
# Numbers and booleans are text to the parser and more to a schema: both are tried by name, above and in the examples.
VALUES = st.recursive(
    st.none() | st.integers().map(str) | st.text() | st.sampled_from(["scratch", "linux/amd64", "a:/b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*KNOWN, "env", "files", "ports", "user", "source", "api"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KNOWN), VALUES, max_size=4))
def test_random_values_below_known_keys_are_read_or_refused(document: dict[str, object]) -> None:
    result = outcome(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))
    if isinstance(result, Config):
        assert not list(VALIDATOR.iter_errors(document)), "the parser took what the schema refuses"
    else:
        assert "\n" not in str(result)
