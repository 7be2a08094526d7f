"""`private` in gobake.yaml: what may stand there, and mistakes with their places. A token is never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from gobake.config.json_schema import schema
from gobake.config.loading import parse_config
from gobake.config.private import PRIVATE_FIELDS, TOKEN_FIELDS, PrivateConfig, Token
from gobake.config.reference import fields_markdown
from gobake.config.values import Config
from gobake.errors import ConfigError

VALIDATOR = Draft202012Validator(schema())


def config(text: str) -> Config:
    return parse_config(text.encode(), Path("gobake.yaml"))


EVERYTHING = """\
private:
  netrc: ~/.netrc
  tokens:
    git.example.com: GIT_TOKEN
    "10.0.0.7:8443": {variable: OTHER, username: x-token-auth}
  ssh: agent
  ssh_hosts: [github.com, "me@git.example.com:2222"]
  known_hosts: keys/hosts
  ca_bundle: /etc/company.pem
  proxy: false
"""


def test_everything_that_may_be_said() -> None:
    assert config(EVERYTHING).private == PrivateConfig(
        netrc="~/.netrc",
        tokens={
            "git.example.com": Token(variable="GIT_TOKEN"),
            "10.0.0.7:8443": Token(variable="OTHER", username="x-token-auth"),
        },
        ssh="agent",
        ssh_hosts=("github.com", "me@git.example.com:2222"),
        known_hosts="keys/hosts",
        ca_bundle="/etc/company.pem",
        proxy=False,
    )
    assert not list(VALIDATOR.iter_errors(yaml.safe_load(EVERYTHING)))


def test_nothing_is_said_without_the_key() -> None:
    assert config("name: shop").private == PrivateConfig()


def test_the_place_of_each_name_is_known() -> None:
    found = config(EVERYTHING)
    assert str(found.where_of("private.tokens.git.example.com")) == "gobake.yaml:4:22: private.tokens.git.example.com"
    assert str(found.where_of("private.ca_bundle")) == "gobake.yaml:9:14: private.ca_bundle"


@pytest.mark.parametrize("field", [*PRIVATE_FIELDS, *TOKEN_FIELDS], ids=lambda f: f.name)
def test_every_key_is_in_the_reference_with_an_example_that_is_right(field: object) -> None:
    name, example = field.name, field.example  # type: ignore[attr-defined]
    assert f"| `{name}` |" in fields_markdown()
    own = f"{{tokens: {{git.example.com: {{variable: GIT_TOKEN, {name}: {example}}}}}}}"
    text = f"private: {f'{{{name}: {example}}}' if field in PRIVATE_FIELDS else own}"
    text = text.replace("variable: GIT_TOKEN, variable: GIT_TOKEN", "variable: GIT_TOKEN")
    assert config(text).private != PrivateConfig()
    assert not list(VALIDATOR.iter_errors(yaml.safe_load(text)))


# (id, text, line, column, a part of the message)
WRONG = [
    ("a list", "private: [netrc]", 1, 1, "private: must be a mapping, not a list"),
    ("nothing", "private:", 1, 1, "private: has no value"),
    ("a misspelt key", "private:\n  netcr: ~/.netrc", 2, 3, "private.netcr: unknown key 'netcr'; did you mean 'netrc'?"),
    ("two files", "private:\n  netrc: [a, b]", 2, 3, "private.netrc: must be one value, not a list"),
    ("a file without name", "private:\n  netrc: ''", 2, 10, "private.netrc: '' is no file of this machine; such as ~/.netrc"),
    ("a file with a comma", "private: {ssh: 'a,b'}", 1, 16, "private.ssh: 'a,b' is no file of this machine"),
    ("tokens as a list", "private:\n  tokens: [GIT_TOKEN]", 2, 3, "private.tokens: must be a mapping, not a list"),
    ("a host with a scheme", "private:\n  tokens:\n    https://git.example.com: T", 3, 5, "'https://git.example.com' is no host alone; leave the scheme"),
    ("a host with a path", "private:\n  tokens:\n    github.com/acme: T", 3, 5, "is no host alone"),
    ("a host of blanks", "private:\n  tokens:\n    'a b': T", 3, 5, "'a b' is no host; such as git.example.com"),
    ("a token without variable", "private:\n  tokens:\n    git.example.com: {username: me}", 3, 5, "variable is missing; such as `variable: GIT_TOKEN`"),
    ("an unset token", "private:\n  tokens:\n    git.example.com:", 3, 5, "private.tokens.git.example.com: has no value"),
    ("a user with a colon", "private:\n  tokens:\n    a.b: {variable: T, username: 'a:b'}", 3, 34, "'a:b' is no user; one word without a colon"),
    ("ssh_hosts as text", "private:\n  ssh_hosts: github.com", 2, 14, "must be a list, not the text 'github.com'"),
    ("an address in ssh_hosts", "private:\n  ssh_hosts: ['git@github.com:acme/x']", 2, 15, "is no host alone; leave the scheme and the path away"),
    ("a host twice", "private: {ssh_hosts: [a.b, a.b]}", 1, 28, "'a.b' is listed twice"),
    ("proxy as an address", "private:\n  proxy: http://proxy:3128", 2, 10, "private.proxy: must be true or false, not the text 'http://proxy:3128'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "column", "message"), [row[1:] for row in WRONG], ids=[r[0] for r in WRONG])
def test_wrong_values_are_named_with_their_place_and_remedy(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(text)
    assert message in str(raised.value)
    assert raised.value.remedy
    assert raised.value.where is not None
    assert (raised.value.where.line, raised.value.where.column) == (line, column)
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) or "twice" in message


@pytest.mark.parametrize("token", ["ghp_16C7e42F292c6912E7710c838347Ae178B4a", "glpat-x_Y9", "s3cr3t", "a b", "Üx"])
@pytest.mark.parametrize("form", ["{}", "{{variable: {}}}"])
def test_a_token_in_the_place_of_a_variables_name_is_refused_and_not_repeated(token: str, form: str) -> None:
    text = f"private:\n  tokens:\n    git.example.com: {form.format(token)}\n"
    with pytest.raises(ConfigError) as raised:
        config(text)
    assert str(raised.value).startswith("gobake.yaml:3:")
    assert "is no name of an environment variable; name the variable that holds the token" in str(raised.value)
    assert token not in str(raised.value)
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))


def test_a_login_in_the_name_of_a_host_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as raised:
        config("private:\n  tokens:\n    me:s3cr3t@git.example.com: T\n")
    assert str(raised.value).startswith("gobake.yaml:3:5: private.tokens: holds a user or password; ")
    assert "s3cr3t" not in str(raised.value)
