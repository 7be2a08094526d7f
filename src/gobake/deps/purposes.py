"""Modules of one purpose, of which a program seldom needs two. Names are facts, and all that is told of them.

A notice is what a module's own author says in its go.mod or README, quoted with the file. It was read at the version
that the entry names; nothing else here advises against a module.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

MAJOR = re.compile(r"(?:/v\d+|\.v\d+)$")

# purpose -> modules, without major versions; a module of a repository with several is found by its begin
_PURPOSES: Mapping[str, tuple[str, ...]] = {
    "command lines": ("github.com/alecthomas/kong", "github.com/spf13/cobra", "github.com/urfave/cli"),
    "HTTP routers": (
        *("github.com/gin-gonic/gin", "github.com/go-chi/chi", "github.com/gofiber/fiber", "github.com/gorilla/mux"),
        *("github.com/julienschmidt/httprouter", "github.com/labstack/echo"),
    ),
    "JSON": (
        *("github.com/bytedance/sonic", "github.com/goccy/go-json", "github.com/json-iterator/go"),
        *("github.com/mailru/easyjson", "github.com/segmentio/encoding"),
    ),
    "JSON Web Tokens": (
        *("github.com/dgrijalva/jwt-go", "github.com/go-jose/go-jose", "github.com/golang-jwt/jwt"),
        *("github.com/lestrrat-go/jwx", "gopkg.in/square/go-jose"),
    ),
    "Kafka": (
        *("github.com/IBM/sarama", "github.com/Shopify/sarama", "github.com/confluentinc/confluent-kafka-go"),
        *("github.com/segmentio/kafka-go", "github.com/twmb/franz-go"),
    ),
    "logging": (
        *("github.com/golang/glog", "github.com/hashicorp/go-hclog", "github.com/rs/zerolog"),
        *("github.com/sirupsen/logrus", "go.uber.org/zap", "k8s.io/klog"),
    ),
    "maps to structs": ("github.com/go-viper/mapstructure", "github.com/mitchellh/mapstructure"),
    "PostgreSQL": ("github.com/jackc/pgx", "github.com/lib/pq"),
    "protobuf": ("github.com/gogo/protobuf", "github.com/golang/protobuf", "google.golang.org/protobuf"),
    "Redis": ("github.com/go-redis/redis", "github.com/gomodule/redigo", "github.com/redis/go-redis"),
    "several errors": ("github.com/hashicorp/go-multierror", "go.uber.org/multierr"),
    "the AWS SDK": ("github.com/aws/aws-sdk-go", "github.com/aws/aws-sdk-go-v2"),
    "TOML": ("github.com/BurntSushi/toml", "github.com/pelletier/go-toml"),
    "UUIDs": (
        *("github.com/gofrs/uuid", "github.com/google/uuid", "github.com/hashicorp/go-uuid"),
        *("github.com/pborman/uuid", "github.com/satori/go.uuid"),
    ),
    "WebSockets": ("github.com/coder/websocket", "github.com/gorilla/websocket", "nhooyr.io/websocket"),
    "wrapped errors": ("github.com/cockroachdb/errors", "github.com/go-errors/errors", "github.com/pkg/errors"),
    "YAML": (
        *("github.com/ghodss/yaml", "github.com/goccy/go-yaml", "go.yaml.in/yaml", "gopkg.in/yaml"),
        "sigs.k8s.io/yaml",
    ),
}


class Notice(Struct, frozen=True, kw_only=True):
    """What a module says of itself."""

    text: str
    source: str  # the file that says so


_NOTICES: Mapping[str, Notice] = {
    "github.com/dgrijalva/jwt-go": Notice(
        text="no longer maintained; the new repository is github.com/golang-jwt/jwt",
        source="README.md of github.com/dgrijalva/jwt-go",
    ),
    "github.com/golang/protobuf": Notice(
        text='deprecated: use the "google.golang.org/protobuf" module instead',
        source="go.mod of github.com/golang/protobuf v1.5.4",
    ),
    "github.com/pkg/errors": Notice(
        text="moving into maintenance mode", source="README.md of github.com/pkg/errors v0.9.1"
    ),
}


class Needed(Struct, frozen=True, kw_only=True):
    """A module of a purpose, and who needs it."""

    module: str
    services: tuple[str, ...]  # whose own packages import it
    modules: tuple[str, ...]  # others that import it
    notice: Notice | None = None


class Shared(Struct, frozen=True, kw_only=True):
    """Several modules of one purpose that are linked."""

    purpose: str
    modules: tuple[Needed, ...]


def shared(own: Mapping[str, Collection[str]], imports: Mapping[str, Collection[str]]) -> tuple[Shared, ...]:
    """Return the purposes for which several modules are linked.

    ``own``: modules that each service's own packages import. ``imports``: modules that each linked module imports. What
    only another module of the same purpose imports is that one's part, and not counted.
    """
    found = []
    for purpose, names in _PURPOSES.items():
        members = {path: name for path in imports if (name := _named(path, names))}
        needed = [one for path in members if (one := _needed(path, members, own, imports))]
        if len({members[one.module] for one in needed}) > 1:
            found.append(Shared(purpose=purpose, modules=tuple(sorted(needed, key=lambda one: one.module))))
    return tuple(sorted(found, key=lambda one: one.purpose.lower()))


def _named(path: str, names: Iterable[str]) -> str:
    plain = MAJOR.sub("", path)
    return next((name for name in names if f"{plain}/".startswith(f"{name}/")), "")


def _needed(
    path: str, members: Mapping[str, str], own: Mapping[str, Collection[str]], imports: Mapping[str, Collection[str]]
) -> Needed | None:
    services = _who(path, own)
    modules = [one for one in _who(path, imports) if members.get(one) != members[path]]
    if not services and all(one in members for one in modules):
        return None
    return Needed(module=path, services=tuple(services), modules=tuple(modules), notice=_NOTICES.get(members[path]))


def _who(path: str, imports: Mapping[str, Collection[str]]) -> Sequence[str]:
    return sorted(one for one, others in imports.items() if path in others)
