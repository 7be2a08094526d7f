"""Values of gobake.yaml that are wrong, and those that try to be more than a value in a generated file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from gobake.config.bases import BASE_FIELDS
from gobake.config.json_schema import schema
from gobake.config.loading import parse_config
from gobake.config.running import HEALTH_FIELDS
from gobake.config.service import SERVICE_FIELDS
from gobake.config.values import TOP_FIELDS, Config
from gobake.errors import ConfigError
from gobake.model import Strategy

FILE = Path("gobake.yaml")
VALIDATOR = Draft202012Validator(schema())

# (id, text, line, a part of the message)
NAMES = [
    ("project in upper case", "name: Shop", 1, "name: 'Shop' is no name of a project; lower-case"),
    ("project with a dot", "name: a.b", 1, "is no name of a project"),
    ("empty project", "name: ''", 1, "'' is no name of a project"),
    ("service in upper case", "services:\n  Api: {}", 2, "gobake.yaml:2:3: services.Api: 'Api' is no name of a service"),
    ("service with a slash", "services: {a/b: }", 1, "is no name of a service"),
    ("service with two dots", "services: {a..b: }", 1, "is no name of a service"),
    ("service that begins with -", "services: {-a: }", 1, "is no name of a service"),
    ("service that ends with _", "services: {a_: }", 1, "is no name of a service"),
    ("service with a line break", 'services: {"a\\nRUN x": }', 1, "services.a\\u000aRUN x: holds a line break"),
    ("service with a very long name", f"services: {{{'a' * 129}: }}", 1, "is no name of a service"),
    *((f"service called {name}", f"services: {{{name}: }}", 1, f"a service cannot be called '{name}'")
      for name in ("default", "all", "go", "compile", "trace", *Strategy)),
    ("services that are one in the bake file", "services:\n  a.b:\n  a_b:", 3, "services.a_b: 'a_b' cannot stand beside the service 'a.b': both are a_b in the bake file"),
    ("service called as a target", "services:\n  api-scratch:\n  api:", 2, "'api-scratch' cannot stand beside the service 'api': it is the name of api in scratch; rename"),
    ("service called as a baked target", "services:\n  a.b:\n  a_b-debian-slim:", 3, "it is the name of a.b in debian-slim"),
    ("registry with a scheme", "registry: https://ghcr.io/acme", 1, "is a URL; leave https:// away"),
    ("registry in upper case", "registry: ghcr.io/Acme", 1, "'ghcr.io/Acme' is no prefix of image names"),
    ("registry with a tag", "registry: ghcr.io/acme:1", 1, "is no prefix"),
    ("registry that is empty", "registry: ''", 1, "is no prefix"),
    ("base in upper case", "bases:\n  go: Golang:1.26", 2, "gobake.yaml:2:7: bases.go: 'Golang:1.26' is no image reference"),
    ("base with half a digest", "bases: {go: 'golang@sha256:0123'}", 1, "is no image reference"),
    ("base with a blank", "bases: {alpine: alpine AS x}", 1, "is no image reference"),
    ("base with a scheme", "bases: {upx: docker://alpine}", 1, "is a URL"),
    ("base without a tag's name", "bases: {upx: 'alpine:'}", 1, "is no image reference"),
    ("tag with a slash", "defaults: {tags: [a/b]}", 1, "defaults.tags.0: 'a/b' is no image tag"),
    ("tag that begins with .", "defaults: {tags: [.a]}", 1, "is no image tag"),
    ("tag that is too long", f"defaults: {{tags: [{'a' * 129}]}}", 1, "is no image tag"),
    ("tag twice", "defaults:\n  tags:\n  - a\n  - b\n  - 'a'", 5, "defaults.tags.2: 'a' is listed twice"),
    ("tag with an unknown word", "defaults: {tags: ['{{commit}}']}", 1, "'{{commit}}' is no image tag"),
    ("tag with one brace", "defaults: {tags: ['{sha}']}", 1, "{{sha}}, {{branch}} or {{date}}"),
    ("immutable tag with a slash", "push: {immutable: [a/b]}", 1, "push.immutable.0: 'a/b' is no pattern of image tags"),
    ("further registry as a URL", "push: {registries: ['https://a.b']}", 1, "push.registries.0: 'https://a.b' is a URL"),
    ("annotation of nothing", "defaults: {annotations: {'layer:a': c}}", 1, "'layer:a' is no annotation"),
    ("compression that BuildKit lacks", "defaults: {compression: xz}", 1, "defaults.compression: 'xz'"),
    ("label with a blank", "defaults: {labels: {a b: c}}", 1, "'a b' is no label"),
    ("label with =", "defaults: {labels: {a=b: c}}", 1, "is no label"),
    ("variable with -", "defaults:\n  env: {A-B: c}", 2, "defaults.env.A-B: 'A-B' is no name of a variable"),
    ("variable that begins with a digit", "defaults: {env: {1A: c}}", 1, "is no name of a variable"),
    ("variable that gobake sets", "defaults: {build_env: {GOOS: windows}}", 1, "GOOS cannot be set here; `platforms` says it"),
    ("cache folder of Go", "defaults: {build_env: {GOCACHE: /x}}", 1, "GOCACHE cannot be set here; gobake keeps"),
]  # fmt: skip

CHOICES = [
    (
        "strategy",
        "services:\n  api: {strategy: scrach}",
        2,
        "gobake.yaml:2:19: services.api.strategy: 'scrach' is no strategy; did you mean 'scratch'?",
    ),
    (
        "strategy of nowhere",
        "defaults: {strategy: xyz}",
        1,
        "'xyz' is no strategy; one of single-stage, prebuilt, alpine",
    ),
    ("strategy in upper case", "defaults: {strategies: [ALPINE]}", 1, "did you mean 'alpine'?"),
    ("strategy twice", "defaults: {strategies: [upx, alpine, upx]}", 1, "defaults.strategies.2: 'upx' is listed twice"),
    ("no strategy", "defaults:\n  strategies: []", 2, "defaults.strategies: must not be empty; such as `strategies: ["),
    ("provenance", "provenance: maxx", 1, "'maxx' is no provenance mode; did you mean 'max'?"),
    ("provenance that is true", "provenance: true", 1, "one of false, min, max"),
    ("platform with a typo", "defaults: {platforms: [linux/amd46]}", 1, "did you mean 'linux/amd64'?"),
    ("platform of another system", "defaults: {platforms: [windows/amd64]}", 1, "images are built for linux only"),
    (
        "platform without system",
        "defaults: {platforms: [amd64]}",
        1,
        "'amd64' is no platform; did you mean 'linux/amd64'?",
    ),
    ("platform without architecture", "defaults: {platforms: [linux/]}", 1, "'linux/' is no platform"),
    ("platform with a wrong variant", "defaults: {platforms: [linux/arm/v9]}", 1, "arm has no variant 'v9'"),
    (
        "platforms in one text",
        "defaults: {platforms: ['linux/amd64,linux/arm64']}",
        1,
        "defaults.platforms.0: platform",
    ),
    (
        "platform twice",
        "defaults:\n  platforms:\n  - linux/amd64\n  - linux/x86_64",
        4,
        "defaults.platforms.1: 'linux/amd64' is listed twice",
    ),
    ("go with its name", "go: go1.26", 1, "'go1.26' begins with go; write the number alone"),
    ("go without minor", "go: 1", 1, "'1' is no Go version; such as 1.26"),
    ("go as a range", "go: '>=1.26'", 1, "is no Go version"),
    (
        "source that is no web address",
        "source_url: git@github.com:acme/shop.git",
        1,
        "is no web address; such as https://",
    ),
    ("source with a password", "source_url: https://me:secret@github.com/a", 1, "holds a user or password"),
    ("port 0", "defaults: {ports: [0]}", 1, "defaults.ports.0: '0' is no port; 1 to 65535"),
    ("port 65536", "defaults: {ports: [65536]}", 1, "is no port"),
    ("port that is mapped", "defaults: {ports: ['80:8080']}", 1, "'80:8080' maps a port; write only the port"),
    ("ports in a range", "defaults: {ports: [8000-8010]}", 1, "is no port"),
    ("port of no protocol", "defaults: {ports: [80/http]}", 1, "is no port"),
    ("port with a fraction", "defaults: {ports: [80.5]}", 1, "is no port"),
    ("port twice", "defaults: {ports: [80, 80/tcp]}", 1, "defaults.ports.1: '80' is listed twice"),
    ("user by name", "services:\n  api:\n    user: nobody", 3, "'nobody' names a user; scratch has no /etc/passwd"),
    ("group by name", "defaults: {user: 1000:staff}", 1, "names a user; scratch has no /etc/passwd"),
    ("user below 0", "defaults: {user: -1}", 1, "'-1' is no user; uid or uid:gid"),
    ("user too high", "defaults: {user: 2147483648}", 1, "is too high"),
    ("health without /", "defaults: {health: healthz}", 1, "'healthz' does not begin with /"),
    ("health with a host", "defaults: {health: 'http://x/healthz'}", 1, "leave host and port away"),
    ("build tag with a comma", "defaults: {build_tags: ['a,b']}", 1, "'a,b' is no build tag"),
    ("build tag that is not", "defaults: {build_tags: ['!cgo']}", 1, "is no build tag"),
    ("stamp without package", "defaults: {version_stamp: version}", 1, "'version' is no Go variable; package.variable"),
    ("stamp without a name", "defaults: {version_stamp: ..version}", 1, "is no Go variable"),
    ("stamps as a list", "defaults: {stamps: [main.version]}", 1, "must be a mapping, not a list"),
    ("stamp of no variable", "defaults: {stamps: {version: x}}", 1, "'version' is no Go variable; package.variable"),
    (
        "placeholder",
        "defaults: {stamps: {main.c: '{revison}'}}",
        1,
        "placeholder '{revison}'; did you mean 'revision'?",
    ),
    ("placeholder without name", "defaults: {stamps: {main.c: '{}'}}", 1, "there is no placeholder '{}'"),
    ("brace", "defaults: {stamps: {main.c: 'a {'}}", 1, "without its other half; write {{ or }} for a brace"),
    ("both quotes", """defaults: {stamps: {main.c: "it's \\"so\\""}}""", 1, "holds both kinds of quotes"),
    ("version with both quotes", 'version: it\'s "so"', 1, "is no version; such as v1.2.3"),
    ("version with a placeholder", "version: '{describe}'", 1, "is no version; such as v1.2.3"),
    ("stamp with a value", "defaults: {version_stamp: main.version=1}", 1, "is no Go variable"),
]

PATHS = [
    ("package above", "services:\n  api:\n    package: ../api", 3, "services.api.package: '../api' leaves the project"),
    ("package that turns around", "services: {api: {package: ./cmd/../../x}}", 1, "leaves the project"),
    ("absolute package", "services: {api: {package: /src/api}}", 1, "'/src/api' is absolute; write it relative"),
    ("many packages", "services: {api: {package: ./...}}", 1, "'./...' is a pattern; name one package"),
    ("package with a blank", "services: {api: {package: ./cmd/a b}}", 1, "is no Go package"),
    ("package that is a flag", "services: {api: {package: -exec=x}}", 1, "is no Go package"),
    ("file above", "defaults:\n  files:\n  - ../secret:/etc/secret", 3, "gobake.yaml:3:5: defaults.files.0: '../secret' leaves the project"),
    ("file that turns around", "defaults: {files: ['a/../../b:/c']}", 1, "'a/../../b' leaves the project"),
    ("file above, in a mapping", "defaults: {files: [{source: a/.., target: /c}]}", 1, "defaults.files.0.source: 'a/..' leaves the project"),
    ("file above for Windows", "defaults: {files: [{source: '..\\a', target: /c}]}", 1, "leaves the project"),
    ("absolute file", "defaults: {files: ['/etc/passwd:/etc/passwd']}", 1, "'/etc/passwd' is absolute"),
    ("the project itself", "defaults: {files: ['.:/src']}", 1, "'.' is no path of one file or folder"),
    ("file with wildcard", "defaults: {files: ['conf/*.toml:/etc']}", 1, "without wildcards"),
    ("file without target", "defaults: {files: [config.toml]}", 1, "'config.toml' names no absolute target; write source:/path"),
    ("file with a relative target", "defaults: {files: ['a:b']}", 1, "'a:b' names no absolute target"),
    ("relative target", "defaults: {files: [{source: a, target: etc/b}]}", 1, "'etc/b' is not absolute; begin it with /"),
    ("target with ..", "defaults: {files: [{source: a, target: /etc/../b}]}", 1, "'/etc/../b' holds .."),
    ("target that is a folder", "defaults: {files: ['a:/etc/']}", 1, "without a slash at its end"),
    ("target that is the root", "defaults: {files: ['a:/']}", 1, "'/' is no path in the image"),
    ("file twice", "defaults: {files: ['a:/b', {source: ./a, target: /b}]}", 1, "is listed twice"),
    ("relative workdir", "defaults: {workdir: data}", 1, "'data' is not absolute"),
    ("workdir with ..", "defaults: {workdir: /a/../b}", 1, "holds .."),
    ("relative data", "defaults: {data: [data]}", 1, "defaults.data.0: 'data' is not absolute; begin it with /"),
    ("data with ..", "defaults: {data: [/a/../etc]}", 1, "'/a/../etc' holds .."),
    ("data that is a text", "defaults: {data: /data}", 1, "defaults.data: must be a list, not the text '/data'"),
    ("data of the system", "defaults: {data: [/etc/]}", 1, "'/etc/' belongs to the system, and is not for the program to write; name a folder of its own"),
    ("data where programs are", "defaults: {data: [/usr/local/bin]}", 1, "belongs to the system"),
    ("data that is the root", "defaults: {data: [/]}", 1, "belongs to the system"),
    ("data in a folder that is mounted", "defaults: {data: [/dev/shm/x]}", 1, "is mounted when a container starts; name another"),
    ("data behind a link", "defaults: {data: [/var/run/api]}", 1, "/var/run is a link in Debian's images; write /run/api"),
    ("data in /tmp itself", "defaults:\n  data:\n  - /tmp", 3, "/tmp belongs to everybody; write `tmp: true`"),
    ("data twice", "defaults: {data: [/data, /data/]}", 1, "defaults.data.1: '/data' is listed twice"),
    ("data with a variable", "defaults: {data: ['/data/$USER']}", 1, "'/data/$USER' is no folder in the image"),
    ("volume of the system", "defaults: {volumes: [/var/lib]}", 1, "defaults.volumes.0: '/var/lib' belongs to the system"),
    ("tmp that is a path", "defaults: {tmp: /tmp}", 1, "must be true or false"),
    ("base that is no reference", "defaults: {base: Alpine:3.22}", 1, "'Alpine:3.22' is no image reference or Dockerfile"),
    ("base above", "defaults: {base: ../base.Dockerfile}", 1, "leaves the project; name a file below"),
    ("base that turns around", "defaults: {base: ./a/../../Dockerfile}", 1, "leaves the project"),
    ("absolute base", "defaults: {base: /base.Dockerfile}", 1, "is absolute; write it relative"),
    ("base that is a URL", "defaults: {base: 'https://x/y'}", 1, "is a URL"),
    ("Dockerfile without ./", "bases: {alpine: build/base.dockerfile}", 1, "reads as an image reference; write ./build/base.dockerfile"),
    ("Dockerfile below Go", "bases: {go: ./go.Dockerfile}", 1, "'./go.Dockerfile' is no image reference"),
    ("probe without a command", "defaults:\n  healthcheck: {interval: 1s}", 2, "command is missing; such as `command: ["),
    ("probe that is a text", "defaults: {healthcheck: /healthz}", 1, "defaults.healthcheck: must be a mapping, not the text '/healthz'"),
    ("probe of no words", "defaults: {healthcheck: {command: []}}", 1, "defaults.healthcheck.command: must not be empty"),
    ("probe of a text", "defaults: {healthcheck: {command: api -health}}", 1, "must be a list"),
    ("probe without a unit", "defaults: {healthcheck: {command: [a], interval: 10}}", 1, "healthcheck.interval: '10' is no duration; a number with a unit"),
    ("probe without time", "defaults: {healthcheck: {command: [a], timeout: 0s}}", 1, "'0s' is no duration"),
    ("probe in days", "defaults: {healthcheck: {command: [a], start_period: 1d}}", 1, "'1d' is no duration"),
    ("probe that is never wrong", "defaults: {healthcheck: {command: [a], retries: 0}}", 1, "'0' is no number of probes from 1 to 1000"),
    ("start that is a text", "defaults: {smoke: /healthz}", 1, "defaults.smoke: must be a mapping, not the text '/healthz'"),
    ("start that asks a relative path", "defaults: {smoke: {path: healthz}}", 1, "'healthz' does not begin with /"),
    ("start that asks a port by name", "defaults: {smoke: {port: http}}", 1, "'http' is no TCP port; 1 to 65535"),
    ("start without a time", "defaults: {smoke: {timeout: 10}}", 1, "smoke.timeout: '10' is no duration; a number with a unit"),
    ("start with an empty command", "defaults: {smoke: {command: []}}", 1, "defaults.smoke.command: must not be empty"),
    ("probe with an unknown key", "defaults: {healthcheck: {command: [a], retry: 3}}", 1, "unknown key 'retry'; did you mean 'retries'?"),
    ("include above", "include: [ok, ../schema]", 1, "include.1: '../schema' leaves the project"),
    ("include of everything else", "include: ['!secret']", 1, "is no pattern of files"),
    ("include with a blank at its end", "include: ['my files/* ']", 1, "is no pattern of files"),
    ("include above, escaped", "include: ['a/\\../\\../b']", 1, "leaves the project"),
    ("prebuilt above", "prebuilt: ../{service}-{arch}", 1, "leaves the project"),
    ("absolute prebuilt", "prebuilt: '/out/{service}-{arch}'", 1, "is absolute"),
    ("prebuilt without service", "prebuilt: 'dist/app-{arch}'", 1, "it needs {service} and {arch}"),
    ("prebuilt without architecture", "prebuilt: 'dist/{service}'", 1, "it needs {service} and {arch}"),
    ("prebuilt of something else", "prebuilt: 'dist/{service}-{arch}-{version}'", 1, "is no pattern of binaries"),
]  # fmt: skip

WRONG = [*NAMES, *CHOICES, *PATHS]
# What a schema cannot express
UNSEEN = {
    "include above, escaped",
    "services that are one in the bake file",
    "service called as a target",
    "service called as a baked target",
    "source with a password",
    "platform twice",
    "port twice",
    "file twice",
    "many packages",
    "data of the system",
    "data where programs are",
    "data that is the root",
    "data in a folder that is mounted",
    "data behind a link",
    "data in /tmp itself",
    "data twice",
    "volume of the system",
    "Dockerfile without ./",
}  # fmt: skip


def config(text: str) -> Config:
    return parse_config(text.encode(), FILE)


@pytest.mark.parametrize(("text", "line", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_values_are_named_with_their_place_and_remedy(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(text)
    error = raised.value
    assert message in str(error)
    assert "\n" not in str(error)
    assert error.where is not None
    assert (error.where.line, bool(error.where.column), bool(error.where.key)) == (line, True, True)
    assert error.remedy


@pytest.mark.parametrize("text", [row[1] for row in WRONG if row[0] not in UNSEEN])
def test_an_editor_sees_the_same_mistake_by_the_schema(text: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))


# ---- values that try to be more than a value

INJECTIONS = [
    "${SECRET}",
    "$(id)",
    "%{if true}x%{endif}",
    'a"b',
    "a'b",
    "a\\b",
    "a`id`",
    "a; id",
    "a && id",
    "a # b",
    "a,type=local",
]
BREAKS = [
    "a\nRUN x",
    "a\r\nUSER 0",
    "a\x00b",
    "a\u2028RUN x",
    "a\u2029b",
    "a\x85b",
    "a\tb",
    "a\u202eb",
    "a\ud800b",
    "a\n",
]
LISTS = {
    *("include", "platforms", "strategies", "tags", "build_tags", "entrypoint", "args", "ports", "files"),
    *("data", "volumes"),
}
VERBATIM = {"ldflags", "entrypoint", "args", "annotations", "env", "build_env", "labels"}
TEXTS = [
    *(
        f"{f.name}: VALUE"
        for f in TOP_FIELDS
        if f.name
        not in {"bases", "private", "cache", "gate", "push", "history", "defaults", "services", "version", *LISTS}
    ),
    "services: {VALUE: {}}",
    "services: {api: {package: VALUE}}",
    *(f"bases: {{{f.name}: VALUE}}" for f in BASE_FIELDS),
    *(f"defaults: {{{f.name}: [VALUE]}}" for f in SERVICE_FIELDS if f.name in LISTS - VERBATIM),
    *(f"defaults: {{{name}: {{VALUE: x}}}}" for name in ("annotations", "env", "build_env", "labels", "stamps")),
    "push: {registries: [VALUE]}",
    "push: {immutable: [VALUE]}",
    *(
        f"defaults: {{{f.name}: VALUE}}"
        for f in SERVICE_FIELDS
        if f.shared and f.name not in {"healthcheck", "smoke", "stamps", *LISTS, *VERBATIM}
    ),
    *(f"defaults: {{healthcheck: {{command: [/x], {f.name}: VALUE}}}}" for f in HEALTH_FIELDS if not f.required),
    *(f"defaults: {{smoke: {{{name}: VALUE}}}}" for name in ("path", "port", "timeout")),
    "private: {tokens: {VALUE: GIT_TOKEN}}",
    "private: {tokens: {git.example.com: VALUE}}",
    "private: {tokens: {git.example.com: {variable: VALUE}}}",
    "private: {ssh_hosts: [VALUE]}",
    "defaults: {files: [{source: x, target: /VALUE}]}",
    "defaults: {files: [{source: x, VALUE: /x}]}",
]
OWN_PATHS = ["include: [VALUE]", "defaults: {files: [{source: VALUE, target: /x}]}"]  # of the user's own tree
FILES = ("netrc", "ssh", "known_hosts", "ca_bundle")  # of this machine: in no generated file
FREE = [
    "defaults: {ldflags: VALUE}",
    "defaults: {entrypoint: [VALUE]}",
    "defaults: {args: [VALUE]}",
    "defaults: {env: {A: VALUE}}",
    "defaults: {build_env: {A: VALUE}}",
    "defaults: {labels: {a: VALUE}}",
    "defaults: {annotations: {a: VALUE}}",
]


def with_value(template: str, value: str) -> str:
    """The template with a value in double quotes; in YAML `\\u` escapes every character."""
    escaped = "".join(c if c.isalnum() and c.isascii() else f"\\u{ord(c):04x}" for c in value)
    before, after = template.split("VALUE")
    slash = before.endswith("/")
    return f'{before.removesuffix("/")}"{"/" if slash else ""}{escaped}"{after}'


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("template", TEXTS)
def test_values_with_a_grammar_refuse_what_means_something_to_a_shell_or_template(template: str, value: str) -> None:
    with pytest.raises(ConfigError):
        config(with_value(template, value))


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("template", FREE)
def test_free_values_are_taken_verbatim(template: str, value: str) -> None:
    defaults = config(with_value(template, value)).defaults
    found = [getattr(defaults, f.name) for f in SERVICE_FIELDS if f.shared and getattr(defaults, f.name) is not None]
    (only,) = found
    assert (tuple(only.values()) if isinstance(only, Mapping) else only) in (value, (value,))


@pytest.mark.parametrize("value", [value for value in INJECTIONS if "\\" not in value])
def test_paths_of_the_users_own_tree_may_hold_what_they_like(value: str) -> None:
    assert config(with_value(OWN_PATHS[0], value)).include == (value,)
    (file,) = config(with_value(OWN_PATHS[1], value)).defaults.files or ()
    assert str(file.source) == value


@pytest.mark.parametrize("value", BREAKS)
@pytest.mark.parametrize("template", [*TEXTS, *FREE, *OWN_PATHS, *(f"private: {{{name}: VALUE}}" for name in FILES)])
def test_no_value_and_no_key_holds_more_than_a_line(template: str, value: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(with_value(template, value))
    message = str(raised.value)
    assert "\n" not in message
    assert "holds" in message


def test_a_password_is_not_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        config("source_url: https://me:secret@github.com/a")
    assert "secret" not in str(raised.value)


def test_a_folded_text_that_ends_its_line_is_told_how_not_to() -> None:
    with pytest.raises(ConfigError, match="begin it with `>-`"):
        config("defaults:\n  ldflags: >\n    -s\n    -w\n")
    assert config("defaults:\n  ldflags: >-\n    -s\n    -w\n").defaults.ldflags == "-s -w"
