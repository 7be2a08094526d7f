"""Grammars of values in gobake.yaml, as regular expressions that mean the same in Python and JSON schema.

They match the whole text, without ``^`` and ``$``. The values are harmless in a Dockerfile and a bake file: no quotes,
`$` or line breaks, and spaces only within paths. Only PRINTABLE is for values that are quoted there.
"""

from __future__ import annotations

import re

# Characters that could break a line of a generated file or deceive its reader: control characters, Unicode's line
# separators, bidirectional marks, and lone surrogates.
_UNPRINTABLE = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
UNPRINTABLE = re.compile(rf"[{_UNPRINTABLE}\ud800-\udfff]")
PRINTABLE = rf"[^{_UNPRINTABLE}]*"

# Image references: https://github.com/distribution/reference, reference.go. As for Docker, the first part is a host
# only if it has a dot or a port, or is localhost.
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:(?:localhost|{_LABEL}(?:\.{_LABEL})+|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?|{_LABEL}:[0-9]{{1,5}})"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_FILLED = r"\{\{ ?(?:version|major|minor|patch|sha|branch|date) ?\}\}"
TAG_TEMPLATE = rf"(?:[A-Za-z0-9_]|{_FILLED})(?:[A-Za-z0-9_.-]|{_FILLED})*"
TAG_GLOB = r"[A-Za-z0-9_.*?\[\]!-]{1,128}"
_DIGEST = r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"
REFERENCE = rf"(?:{_HOST}/)?{COMPONENT}(?:/{COMPONENT})*(?::{TAG})?(?:@{_DIGEST})?"
REGISTRY = rf"(?:{_HOST}|{COMPONENT})(?:/{COMPONENT})*/?"

# A repository without tag or digest; a text that begins with ., / or ~/ is a folder.
REPOSITORY = rf"(?:{_HOST}/)?{COMPONENT}(?:/{COMPONENT})*"

PROJECT_NAME = r"(?!(?:branch|untrusted)-)[a-z0-9]+(?:-[a-z0-9]+)*"
URL = r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~:/?#@&+=%-]*)?"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_FILLED = r"\{\{ ?(?:version|major|minor|patch|sha|branch|date) ?\}\}"
TAG_TEMPLATE = rf"(?:[A-Za-z0-9_]|{_FILLED})(?:[A-Za-z0-9_.-]|{_FILLED})*"
TAG_GLOB = r"[A-Za-z0-9_.*?\[\]!-]{1,128}"
_PLACED = r"(?:manifest|index)(?:-descriptor)?(?:\[[a-z0-9/]+\])?"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?"
_PLACED = r"(?:manifest|index)(?:-descriptor)?(?:\[[a-z0-9/]+\])?"
ANNOTATION = rf"(?:{_PLACED}(?:,{_PLACED})*:)?{LABEL}"  # docs.docker.com/build/metadata/annotations

_NO_DOTS = r"(?!(?:.*/)?\.{1,2}(?::?/|$))"  # neither . nor .. between slashes

# Servers of modules, as in netrc and for ssh, and files of the user's machine.
SERVER = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?"
SSH_SERVER = rf"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?{SERVER}"
TOKEN_VARIABLE = r"[A-Z_][A-Z0-9_]{0,99}"
HOST_FILE = rf"[^\s,\u0022{_UNPRINTABLE}](?:[^,\u0022{_UNPRINTABLE}]*[^\s,\u0022{_UNPRINTABLE}])?"

GO_VERSION = r"1\.(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2}))?"
BUILD_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.]*"
# golang.org/x/mod/module, CheckImportPath; a folder with a package becomes part of an import path
_ELEMENT = r"[A-Za-z0-9_~+.][A-Za-z0-9_~+.-]*"
PACKAGE = rf"(?:\.|(?:\./)?{_NO_DOTS}{_ELEMENT}(?:/{_ELEMENT})*)/?"
ONE_KIND_OF_QUOTES = r"(?!.*'.*\u0022)(?!.*\u0022.*')"
# Any printable text without braces.
VERSION = rf"{ONE_KIND_OF_QUOTES}[^{{}}{_UNPRINTABLE}]+"
COMMANDS = r"(?!-)[A-Za-z0-9_~+.*?\[\]!/-]+"
STAMP = rf"(?!\.|.*\.\.)(?:{_ELEMENT}/)*{_ELEMENT}\.{VARIABLE}"

_PORT = r"[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
PORT = rf"(?:{_PORT})(?:/(?:tcp|udp|sctp))?"
TCP_PORT = rf"(?:{_PORT})"
USER = r"(?:0|[1-9][0-9]{0,9})(?::(?:0|[1-9][0-9]{0,9}))?"
HEALTH = r"/[A-Za-z0-9._~/?&=%+:@-]*"

# Paths. COPY takes `*`, `?` and `[` for wildcards; the shell and the ignore file have other special characters.
_ODD = r",/\\$%\u0022'`*?\[\]{}<>|;&!#" + _UNPRINTABLE
_PART = rf"[^\s{_ODD}](?:[^{_ODD}]*[^\s{_ODD}])?"
RELATIVE_PATH = rf"(?:\./)?{_NO_DOTS}{_PART}(?:/{_PART})*/?"
ABSOLUTE_PATH = rf"{_NO_DOTS}(?:/{_PART})+"
FOLDER = rf"{_NO_DOTS}(?:(?:/{_PART})+/?|/)"
# Paths of the user's tree may contain almost anything, because the recipe quotes them; but not wildcards in `files`,
# nor backslashes, which are separators on other systems.
_ANY = rf"[^\s/\\*?{_UNPRINTABLE}](?:[^/\\*?{_UNPRINTABLE}]*[^\s/\\*?{_UNPRINTABLE}])?"
SOURCE = rf"(?:\./)?{_NO_DOTS}{_ANY}(?:/{_ANY})*/?"
_GLOB = rf"[^\s/{_UNPRINTABLE}](?:[^/{_UNPRINTABLE}]*[^\s/{_UNPRINTABLE}])?"
INCLUDE = rf"(?!!)(?:\./)?{_NO_DOTS}{_GLOB}(?:/{_GLOB})*/?"
_PLACEHOLDER = r"\{(?:service|os|arch|variant)\}"
PREBUILT = (
    rf"(?=.*\{{service\}})(?=.*\{{arch\}}){_NO_DOTS}"
    rf"(?:[A-Za-z0-9._+-]|{_PLACEHOLDER})+(?:/(?:[A-Za-z0-9._+-]|{_PLACEHOLDER})+)*"
)
BASE = rf"(?:{REFERENCE}|(?=\./){RELATIVE_PATH})"
DURATION = r"(?=.*[1-9])(?:[0-9]{1,6}(?:\.[0-9]{1,3})?(?:ms|s|m|h))+"  # time.ParseDuration, without ns and us
FILE = rf"{SOURCE}:{ABSOLUTE_PATH}"

# Caches. A store's folder is written into the comma-separated attributes of cache-to.
_STORE_PART = r"[A-Za-z0-9._~+@-]+"
STORE_FOLDER = rf"(?:~?/|\.{{1,2}}/|\.(?=[A-Za-z0-9]))(?:{_STORE_PART}/)*(?:{_STORE_PART})?"
STORE = rf"(?:{STORE_FOLDER}|{REPOSITORY})"
POLICY = rf"(?:[a-z][a-z0-9-]*|{RELATIVE_PATH}|{ABSOLUTE_PATH})"
# git check-ref-format; a stricter pattern would exclude existing branches
BRANCH = r"(?!.*(?:\.\.|//|@\{))(?![./-])[^\s~^:?*\[\\" + _UNPRINTABLE + r"]+(?<![./])"
BRANCHES = r"[^\s~^:?\[\\" + _UNPRINTABLE + "]+"
ATTRIBUTE = r"[A-Za-z0-9._~:/@+-]+"
SIZE = r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?"
