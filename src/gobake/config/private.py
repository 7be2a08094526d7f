"""`private`: where to find the user's credentials, certificates and keys. The file itself holds no secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from msgspec import Struct
from msgspec.structs import replace

from gobake.config import patterns
from gobake.config.fields import Key, fields_of, object_schema, read_fields, section
from gobake.config.kinds import Grammar, Kind, boolean, items
from gobake.config.nodes import Scalar
from gobake.config.reading import At
from gobake.config.spelling import shown


def _no_address(at: At, value: str) -> None:
    if "//" in value or "/" in value:
        raise at.refuse(
            f"{shown(value)} is no host alone", "leave the scheme and the path away, such as git.example.com"
        )


def _no_login(at: At, value: str) -> None:
    """Refuse a login; the message does not show it."""
    if "@" in value:
        raise at.refuse("holds a user or password", "write the host alone; `username` names the user")
    _no_address(at, value)


def _names_a_variable(at: At, value: str) -> None:
    """Refuse what is not a variable's name; it may be the token itself, so the message does not show it."""
    if not re.fullmatch(patterns.TOKEN_VARIABLE, value):
        raise at.refuse(
            "is no name of an environment variable",
            "name the variable that holds the token, in upper case such as GIT_TOKEN; if this was the token, revoke it",
        )


HOST_FILE = Grammar(
    says="file of this machine",
    pattern=patterns.HOST_FILE,
    remedy="such as ~/.netrc or certs/company.pem (from the folder of gobake.yaml), without commas and quotes",
)
SERVER = Grammar(
    says="host", pattern=patterns.SERVER, remedy="such as git.example.com or git.example.com:8443", check=_no_login
)
SSH_SERVER = Grammar(
    says="host", pattern=patterns.SSH_SERVER, remedy="such as github.com or git@git.example.com:2222", check=_no_address
)
VARIABLE = Grammar(says="name of a variable", pattern=patterns.TOKEN_VARIABLE, check=_names_a_variable)
USERNAME = Grammar(says="user", pattern=r"[^\s:]+", remedy="one word without a colon, such as oauth2", longest=200)


class Token(Struct, frozen=True, kw_only=True):
    """The place of a token for a host; never the token itself."""

    variable: Annotated[
        str,
        Key(
            kind=VARIABLE.kind,
            about="The environment variable that holds the token.",
            example="GIT_TOKEN",
            required=True,
        ),
    ]
    username: Annotated[
        str | None,
        Key(
            kind=USERNAME.kind,
            about="The user that goes with it.",
            example="x-token-auth",
            default="oauth2",
        ),
    ] = None


TOKEN_FIELDS = fields_of(Token)


def _read_token(at: At) -> Token:
    """Read the name of a variable, or a mapping with variable and user."""
    if isinstance(at.node, Scalar):
        return Token(variable=VARIABLE.admit(at, at.text()))
    return Token(**read_fields(at, TOKEN_FIELDS))


def _read_tokens(at: At) -> Mapping[str, Token]:
    tokens: dict[str, Token] = {}
    for server, at_key, at_value in at.entries():
        unnamed = replace(at_key, key=at.key)  # errors do not show the key, which may contain a login
        tokens[SERVER.admit(unnamed, server)] = _read_token(at_value)
    return MappingProxyType(tokens)


_TOKENS: Kind[Mapping[str, Token]] = Kind(
    read=_read_tokens,
    described=lambda: {
        "type": "object",
        "propertyNames": SERVER.kind.schema,
        "additionalProperties": {"oneOf": [VARIABLE.kind.schema, object_schema(TOKEN_FIELDS)]},
    },
    says="host -> name of a variable",
)


class PrivateConfig(Struct, frozen=True, kw_only=True):
    """How to reach private modules: names of the user's files and variables."""

    netrc: Annotated[
        str | None,
        Key(
            kind=HOST_FILE.kind,
            about="The netrc file with logins for module proxies and git servers; none for no file.",
            example="~/.netrc",
            otherwise="$NETRC, or ~/.netrc where there is one",
        ),
    ] = None
    tokens: Annotated[
        Mapping[str, Token] | None,
        Key(
            kind=_TOKENS,
            about="Environment variables with tokens for module proxies and git servers; they win over the netrc file.",
            example="{git.example.com: GIT_TOKEN}",
            otherwise="no tokens",
        ),
    ] = None
    ssh: Annotated[
        str | None,
        Key(
            kind=HOST_FILE.kind,
            about="What git over SSH signs in with: agent, the file of a private key without passphrase, or none.",
            example="agent",
            otherwise="the agent at $SSH_AUTH_SOCK where one answers",
        ),
    ] = None
    ssh_hosts: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(SSH_SERVER.kind, "hosts"),
            about="Hosts whose repositories come over SSH instead of HTTPS: [user@]host[:port], the user being git.",
            example="[github.com]",
            otherwise="those that git's own url.*.insteadOf names",
        ),
    ] = None
    known_hosts: Annotated[
        str | None,
        Key(
            kind=HOST_FILE.kind,
            about="The file with the keys of SSH servers.",
            example="~/.ssh/known_hosts",
            otherwise="~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts",
        ),
    ] = None
    ca_bundle: Annotated[
        str | None,
        Key(
            kind=HOST_FILE.kind,
            about="A PEM file with further certificates that module proxies and git servers may show; "
            "none for those of the golang image alone.",
            example="certs/company.pem",
            otherwise="$SSL_CERT_FILE, or what this machine trusts",
        ),
    ] = None
    proxy: Annotated[
        bool | None,
        Key(
            kind=boolean(),
            about="Whether modules come through HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY of this machine.",
            example="false",
            default="true",
        ),
    ] = None


PRIVATE_FIELDS = fields_of(PrivateConfig)
private_kind = section(PrivateConfig, "names of files and variables")
