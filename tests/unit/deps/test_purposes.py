"""Two modules of one purpose are told of, with who needs each, and nothing more is claimed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gobake.deps import purposes
from gobake.deps.purposes import MAJOR, Needed, shared


def found(own: Mapping[str, tuple[str, ...]], **imports: tuple[str, ...]) -> dict[str, tuple[Needed, ...]]:
    everything = {one for others in (*own.values(), *imports.values()) for one in others} | imports.keys()
    linked = {path: imports.get(path, ()) for path in everything}
    return {one.purpose: one.modules for one in shared(own, linked)}


def test_two_loggers_are_told_with_who_needs_each() -> None:
    (logging,) = found({"api": ("go.uber.org/zap", "sdk")}, sdk=("github.com/sirupsen/logrus",)).values()
    assert logging == (
        Needed(module="github.com/sirupsen/logrus", services=(), modules=("sdk",)),
        Needed(module="go.uber.org/zap", services=("api",), modules=()),
    )


def test_one_module_of_a_purpose_is_nothing_to_tell() -> None:
    assert found({"api": ("go.uber.org/zap", "github.com/google/uuid", "gopkg.in/yaml.v2")}) == {}


def test_what_only_wraps_another_is_one_with_it() -> None:
    wrapper, wrapped = "sigs.k8s.io/yaml", "go.yaml.in/yaml/v2"
    assert found({"api": (wrapper,)}, **{wrapper: (wrapped,)}) == {}
    assert found({"api": (wrapper, wrapped)}, **{wrapper: (wrapped,)}).keys() == {"YAML"}
    old, new = "github.com/golang/protobuf", "google.golang.org/protobuf"
    assert found({"api": (old,)}, **{old: (new,)}) == {}
    (both,) = found({"api": (old,)}, **{old: (new,), "grpc": (new,)}).values()
    assert [(one.module, one.notice is not None) for one in both] == [(old, True), (new, False)]


def test_major_versions_and_parts_of_a_repository_are_one_name() -> None:
    assert found({"api": ("gopkg.in/yaml.v2", "gopkg.in/yaml.v3")}) == {}  # told as major versions
    assert found({"api": ("github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2")}) == {}
    both = found({"api": ("github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go")})
    assert both.keys() == {"the AWS SDK"}
    assert found({"api": ("github.com/google/uuid", "github.com/gofrs/uuidx")}) == {}


@pytest.mark.parametrize("name", [name for names in purposes._PURPOSES.values() for name in names])
def test_the_table_has_plain_names_once(name: str) -> None:
    names = [one for names in purposes._PURPOSES.values() for one in names]
    assert names.count(name) == 1
    assert not MAJOR.search(name) or name == "github.com/aws/aws-sdk-go-v2"


def test_every_notice_is_of_a_module_of_the_table_and_has_its_source() -> None:
    names = {one for names in purposes._PURPOSES.values() for one in names}
    for module, notice in purposes._NOTICES.items():
        assert module in names
        assert module in notice.source
        assert notice.source.split()[0] in ("go.mod", "README.md")
