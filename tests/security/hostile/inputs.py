"""Hostile inputs, made by hand in families: by parser, what each tries and what it is.

An input that once broke something stays here, beside those that were thought of first.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Iterator
from typing import Any

from tests.security.parsers import (
    ACTIONS,
    DIGEST,
    EVENTS,
    FIGURES,
    HEX,
    INDEX_TEXT,
    RECORD,
    SEED_LABELS,
    encoded,
    tar,
)

Inputs = dict[str, bytes]
_DIGESTS = {
    "an absolute path": "sha256:/etc/passwd",
    "a path upwards": "sha256:../../../../etc/passwd",
    "a path without algorithm": "/etc/passwd",
    "an algorithm that is a path": f"../../x:{HEX}",
    "another algorithm": f"sha512:{HEX * 2}",
    "upper case": f"sha256:{HEX.upper()}",
    "a digit too few": f"sha256:{HEX[:-1]}",
    "a digit too many": f"sha256:{HEX}0",
    "a line break behind it": f"{DIGEST}\n",
    "a zero in it": f"sha256:{HEX[:32]}\0{HEX[33:]}",
    "digits of another script": "sha256:" + "٠" * 64,
    "a query": f"{DIGEST}?x=1",
    "nothing": "",
    "only an algorithm": "sha256:",
    "a number": 5,
    "a list": [DIGEST],
    "null": None,
    "half a character": f"sha256:\ud800{HEX[1:]}",
}
_SIZES: dict[str, Any] = {
    "negative": -1,
    "huge": 1 << 70,
    "of hundreds of digits": 10**400,
    "a fraction": 1.5,
    "a text": "12",
    "true": True,
    "a list": [],
}
_NO_JSON: Inputs = {
    "nothing": b"",
    "white space": b" \n\t",
    "a page of HTML": b"<!DOCTYPE html><html></html>",
    "bytes that are no text": b"\xff\xfe\x00",
    "two byte text": '{"a": 1}'.encode("utf-16"),
    "a mark of byte order": b"\xef\xbb\xbf{}",
    "half an object": b'{"schema": 1, "tags": [',
    "two objects": b"{}{}",
    "a single quote": b"{'tags': []}",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep lists that end": b"[" * 100_000 + b"]" * 100_000,
    "an endless number": b"9" * 100_000,
    "an endless number in an object": b'{"schema":' + b"9" * 5000 + b"}",
    "not a number": b'{"schema": NaN}',
    "infinity": b'{"schema": -Infinity}',
    "a number beyond floats": b'{"schema": 1e999999}',
    "a lone null": b"null",
    "a text": b'"x"',
    "a zero byte": b"\0",
    "a bomb of values": b"[" + b"0," * 1_100_000 + b"0]",
    "a bomb of lists": b"[" + b"[]," * 1_100_000 + b"[]]",
    "a bomb of quotes": b'"' + b'\\"' * 100_000,
    "a key a hundred thousand times": b"{" + b'"a":0,' * 100_000 + b'"a":0}',
}
_READS_JSON = (
    *(
        "tags",
        "token",
        "error",
        "manifest",
        "index",
        "layout index",
        "oci-layout",
        "configuration",
        "record",
        "figures",
    ),
    *("line of an archive", "events", "action graph", "row of a database", "docker's credentials", "memory of mounts"),
)


def _described(**more: Any) -> bytes:
    return encoded({"config": {"digest": DIGEST}, "layers": [{"digest": DIGEST, "size": 1, **more}]})


def _manifests() -> Inputs:
    found = {f"a digest that is {name}": _described(digest=value) for name, value in _DIGESTS.items()}
    found |= {f"a size that is {name}": _described(size=value) for name, value in _SIZES.items()}
    return found | {
        "a layer that is no object": encoded({"config": {"digest": DIGEST}, "layers": [5]}),
        "layers that are no list": encoded({"config": {"digest": DIGEST}, "layers": {"0": {}}}),
        "layers that are a text": encoded({"config": {"digest": DIGEST}, "layers": "abc"}),
        "a configuration that is a list": encoded({"config": [DIGEST], "layers": []}),
        "no configuration": encoded({"layers": []}),
        "annotations that are a list": _described(annotations=[1]),
        "annotations of numbers": _described(annotations={"a": 5, "buildkit/createdat": 5}),
        "a time that is none": _described(annotations={"buildkit/createdat": "2026-99-99T99:99:99Z"}),
        "a time before all times": _described(annotations={"buildkit/createdat": "0001-01-01T00:00:00+23:59"}),
        "a kind that is a number": _described(mediaType=5),
        "a kind with an escape": _described(mediaType="\x1b]0;x\x07"),
        "an artifact's kind that is an object": encoded({"config": {"digest": DIGEST}, "artifactType": {}}),
        "a hundred thousand layers": encoded({"config": {"digest": DIGEST}, "layers": [{"digest": DIGEST}] * 25_000}),
    }


def _layouts() -> Inputs:
    def named(name: Any, digest: Any = DIGEST) -> bytes:
        annotations = {"org.opencontainers.image.ref.name": name}
        return encoded({"manifests": [{"digest": digest, "annotations": annotations}]})

    tags = {
        "a path": "../../etc/passwd",
        "an absolute path": "/etc/passwd",
        "dots": "..",
        "long": "a" * 200,
        "an escape": "\x1b[31m",
        "a space": "a b",
        "an option": "-rf",
        "a number": 5,
        "a list": [],
        "a line break": "seed-a\n",
        "a zero": "seed-\0",
    }
    found = {f"a tag that is {name}": named(value) for name, value in tags.items()}
    found |= {f"a digest that is {name}": named("seed-a", value) for name, value in _DIGESTS.items()}
    return found | {
        "manifests that are an object": encoded({"manifests": {}}),
        "no manifests": encoded({}),
        "a manifest that is null": encoded({"manifests": [None]}),
    }


def _configurations() -> Inputs:
    def labelled(**changed: Any) -> bytes:
        given = {f"dev.gobake.seed.{key}".removesuffix("."): value for key, value in changed.items()}
        return encoded({"config": {"Labels": {**SEED_LABELS, **given}}})

    return {
        "an index that is a path": labelled(index="../../../../../etc/passwd"),
        "an index that is absolute": labelled(index="/etc/passwd"),
        "an index that is short": labelled(index="ab"),
        "an index with a line break": labelled(index=f"{HEX}\n"),
        "a half that is a path": labelled(half="../x"),
        "a half that is a reference": labelled(half="x@sha256:y"),
        "a half that is an option": labelled(half="--privileged"),
        "a size of another script": labelled(size="²"),
        "a size without end": labelled(size="9" * 5000),
        "a size below nothing": labelled(size="-1"),
        "a size that is a number": labelled(size=5),
        "a project with an escape": labelled(project="\x1b]0;x\x07"),
        "a go that is no version": labelled(go="go..."),
        "labels that are a list": encoded({"config": {"Labels": ["a"]}}),
        "labels that are a text": encoded({"config": {"Labels": "a"}}),
        "a configuration that is a list": encoded({"config": []}),
        "a configuration that is a text": encoded({"config": "a"}),
        "layers that are a number": encoded({"config": {}, "rootfs": {"diff_ids": 5}}),
        "a root that is a list": encoded({"config": {}, "rootfs": [1]}),
        "a time that is an object": encoded({"config": {}, "created": {}}),
    }


def _seed_indexes() -> Inputs:
    head = "gobake seed index 1\n"
    return {
        name: (head + line).encode()
        for name, line in {
            "a path upwards": "object 1 1 ../../etc/passwd\n",
            "a path upwards in its midst": "object 1 1 gobuild/../../etc/passwd\n",
            "an absolute path": "object 1 1 /etc/passwd\n",
            "a zero in a path": "object 1 1 gobuild/\0\n",
            "a negative size": "object 1 -1 gobuild/x\n",
            "a size without end": f"object 1 {'9' * 5000} gobuild/x\n",
            "a size of another script": "object 1 ² gobuild/x\n",
            "a day without end": f"object {'9' * 5000} 1 gobuild/x\n",
            "a kind that is none": "evil 1 1 gobuild/x\n",
            "too few words": "object 1\n",
            "an empty line": "\n\n",
        }.items()
    } | {"another version": b"gobake seed index 2\nobject 1 1 x\n", "no header": INDEX_TEXT.partition("\n")[2].encode()}


def _changed(valid: dict[str, Any], **changes: Any) -> bytes:
    return encoded({**valid, **changes})


def _records() -> Inputs:
    return {
        "a schema that is true": _changed(RECORD, schema=True),
        "a schema of another age": _changed(RECORD, schema=10**30),
        "a schema below nothing": _changed(RECORD, schema=-1),
        "a time beyond floats": _changed(RECORD, started=10**400),
        "seconds that are a text": _changed(RECORD, seconds="1"),
        "seconds that are true": _changed(RECORD, seconds=True),
        "steps that are an object": _changed(RECORD, steps={}),
        "a step that is a list": _changed(RECORD, steps=[[]]),
        "a step without a name": _changed(RECORD, steps=[{"target": "a"}]),
        "arguments of three": _changed(RECORD, targets=[{**RECORD["targets"][0], "arguments": [["a", "b", "c"]]}]),
        "platforms that are a text": _changed(RECORD, targets=[{**RECORD["targets"][0], "platforms": "linux"}]),
        "inputs that are null": _changed(RECORD, inputs=None),
        "nodes of texts": _changed(RECORD, nodes=["ab"]),
        "a bare that is a number": _changed(RECORD, bare=1),
        "mounts beyond all numbers": _changed(RECORD, mounts=[{"name": "a", "id": "b", "before": 10**4000}]),
        "an id that is null": _changed(RECORD, id=None),
    }


def _lines() -> Inputs:
    def line(**changes: Any) -> bytes:
        return encoded({"schema": 1, "record": RECORD, "digest": None, "events": None, **changes})

    return {
        f"an id that is {name}": line(record={**RECORD, "id": value})
        for name, value in {
            "a path": "../../../tmp/evil",
            "absolute": "/etc/passwd",
            "empty": "",
            "long": "20261124-201530-" + "a" * 300,
            "with a line break": "20261124-201530-a\n",
            "of another script": "٢٠٢٦١١٢٤-201530-a",
            "with a zero": "20261124-201530-\0",
        }.items()
    } | {
        "a schema that is a text": line(schema="1"),
        "a schema of another age": line(schema=2),
        "the figures of another run": line(digest={**FIGURES, "id": "20261124-201530-other"}),
        "figures that are a list": line(digest=[]),
        "figures with a number beyond floats": line(digest={**FIGURES, "seconds": 10**400}),
        "events that are an object": line(events={}),
        "events of half characters": line(events="\ud800"),
        "a record that is a text": line(record="x"),
        "no record": encoded({"schema": 1}),
    }


def _figures() -> Inputs:
    return {
        "a number beyond floats": _changed(FIGURES, seconds=10**400),
        "a number that is true": _changed(FIGURES, targets=True),
        "a rate that is a text": _changed(FIGURES, hit_rate="1"),
        "services that are a text": _changed(FIGURES, services="abc"),
        "services of numbers": _changed(FIGURES, services=[1]),
        "a schema of another age": _changed(FIGURES, schema=[1]),
        "a part that is missing": encoded({k: v for k, v in FIGURES.items() if k != "work"}),
    }


def _events() -> Inputs:
    vertex = EVENTS[0]["vertexes"][0]

    def vertexes(**changes: Any) -> bytes:
        return encoded({"vertexes": [{**vertex, **changes}]})

    return {
        "a digest that is a number": vertexes(digest=5),
        "a name with an escape": vertexes(name="[a compile 1/2] RUN \x1b]0;x\x07"),
        "a name without end": vertexes(name="[" * 50_000),
        "a name of brackets": vertexes(name="[a " * 20_000 + "]"),
        "a name of half characters": vertexes(name="[a compile 1/2] RUN \ud800"),
        "a name that is null": vertexes(name=None),
        "inputs that are a text": vertexes(inputs="abc"),
        "an input that is itself": vertexes(inputs=[vertex["digest"]] * 3),
        "a time before all times": vertexes(started="0000-00-00T00:00:00Z"),
        "a time after all times": vertexes(started="9999-12-31T23:59:59-23:59"),
        "an end before its begin": vertexes(completed="1970-01-01T00:00:00Z"),
        "an error that is an object": vertexes(error={}),
        "a status beyond all numbers": encoded({"statuses": [{"vertex": DIGEST, "id": "x", "current": 10**400}]}),
        "a status below nothing": encoded({"statuses": [{"vertex": DIGEST, "id": "x", "current": -5, "total": -9}]}),
        "a log that is no base64": encoded({"logs": [{"vertex": DIGEST, "data": "%%%"}]}),
        "a log of another script": encoded({"logs": [{"vertex": DIGEST, "data": "é"}]}),
        "a log of escapes": encoded({"logs": [{"vertex": DIGEST, "data": base64.b64encode(b"\x1b[2J" * 99).decode()}]}),
        "a stream that is a text": encoded({"logs": [{"vertex": DIGEST, "data": "eA==", "stream": "1"}]}),
        "a warning of a range that is none": encoded({"warnings": [{"vertex": DIGEST, "range": [5], "detail": [5]}]}),
        "lists where objects are": encoded({"vertexes": [[]], "statuses": [[]], "logs": [[]], "warnings": [[]]}),
        "objects where lists are": encoded({"vertexes": {}, "statuses": {}, "logs": {}, "warnings": {}}),
        "a hundred thousand lines": b'{"vertexes":[]}\n' * 20_000,
        "lines that are torn": b'{"vertexes":[{"dig\nest":"x"}]}\r\n\r\r\n',
    }


def _graphs() -> Inputs:
    def graph(**changes: Any) -> bytes:
        return encoded([{**ACTIONS[0], **changes}, ACTIONS[1]])

    return {
        "a package that is a list": graph(Package=["a"]),
        "an action that needs itself": graph(Deps=[1]),
        "an id that is an object": graph(ID={}),
        "needs that are a text": graph(Deps="abc"),
        "needs that are lists": graph(Deps=[[1]]),
        "time beyond floats": graph(CmdUser=10**400, CmdSys=10**400),
        "a clock beyond floats": graph(CmdUser=0, CmdSys=0, CmdReal=10**400),
        "time below nothing": graph(CmdUser=-5),
        "time that is true": graph(CmdUser=True),
        "a package of half characters": graph(Package="\ud800"),
        "actions that are texts": encoded(["a", 5, None, []]),
        "a graph that is an object": encoded({"0": ACTIONS[0]}),
    }


def _zips() -> Inputs:
    good = gzip.compress(b"a" * 1000, mtime=0)
    return {
        "a bomb": gzip.compress(b"\0" * (8 << 20), mtime=0),
        "a bomb of many members": gzip.compress(b"\0" * 1000, mtime=0) * 2000,
        "a bomb in a bomb": gzip.compress(gzip.compress(b"\0" * (8 << 20)) * 100),
        "half of one": good[: len(good) // 2],
        "without its end": good[:-8],
        "of another checksum": good[:-8] + b"\0" * 8,
        "of another method": good[:2] + b"\7" + good[3:],
        "damaged within": good[:12] + b"\xff\xff" + good[14:],
        "zeros behind it": good + b"\0" * 10_000,
        "nonsense behind it": good + b"nonsense",
        "another kind": zlib.compress(b"a"),
        "flags that promise more": good[:3] + b"\xff" + good[4:],
    }


def _tars() -> Inputs:
    good = tar()
    return {
        "a name that is a path": tar("../../etc/passwd"),
        "a name that is absolute": tar("/etc/passwd"),
        "a link for the file": good[:156] + b"2/etc/passwd".ljust(100, b"\0") + good[257:],
        "a device for the file": good[:156] + b"3" + good[157:],
        "a size beyond its end": good[:124] + b"77777777777\0" + good[136:],
        "a size below nothing": good[:124] + b"\xff" * 12 + good[136:],
        "a size that is no number": good[:124] + b"zzzzzzzzzzz\0" + good[136:],
        "a checksum that is wrong": good[:148] + b"0000000\0" + good[156:],
        "half of one": good[:700],
        "zeros": b"\0" * 10_240,
        "a long name without an end": good[:156] + b"L" + good[157:512],
        "words beside it that are none": good[:156] + b"x" + good[157:512] + b"99 path=\n" + good[512:],
        "many files before it": b"".join(tar(f"f{number}")[:1024] for number in range(100)) + good,
    }


def _headers() -> Iterator[tuple[str, Inputs]]:
    yield (
        "next page",
        {
            "another host": b'<https://evil.example/v2/a/tags/list>; rel="next"',
            "another host without a scheme": b'<//evil.example/v2/a/tags/list>; rel="next"',
            "another port": b'<https://registry.test:444/v2/a/tags/list>; rel="next"',
            "a host with a user": b'<https://registry.test@evil.example/v2/a/tags/list>; rel="next"',
            "plain http": b'<http://registry.test/v2/a/tags/list>; rel="next"',
            "another repository": b'</v2/b/tags/list>; rel="next"',
            "a path upwards": b'</v2/a/tags/list/../../../b>; rel="next"',
            "itself": b'</v2/a/tags/list?n=1000>; rel="next"',
            "half an address": b'<http://[>; rel="next"',
            "a file": b'<file:///etc/passwd>; rel="next"',
            "without an end": b"<" + b"a" * 100_000,
            "many of them": b'</v2/a/tags/list?a>; rel="next", ' * 10_000,
        },
    )
    yield (
        "challenge",
        {
            "without words": b"Bearer",
            "without end": b'Bearer realm="' + b"a" * 100_000,
            "of quotes": b'Bearer realm="' * 10_000,
            "twice the same": b'Bearer realm="https://a",realm="http://b"',
            "of nothing": b" \t",
        },
    )
    yield (
        "token",
        {
            "a line break in it": encoded({"token": "a\r\nX-Evil: 1"}),
            "a space in it": encoded({"token": "a b"}),
            "without an end": encoded({"token": "a" * 1_000_000}),
            "of another script": encoded({"token": "é"}),
            "a number": encoded({"token": 5}),
            "a list": encoded({"access_token": ["a"]}),
        },
    )
    yield (
        "tags",
        {
            "a number": encoded({"tags": 5}),
            "an object": encoded({"tags": {"a": 1}}),
            "paths": encoded({"tags": ["../../x", "/etc/passwd", "..", "a/b"]}),
            "what is no text": encoded({"tags": [5, None, [], {}]}),
            "escapes": encoded({"tags": ["\x1b]0;x\x07", "a\nb", "\u202e"]}),
            "half characters": encoded({"tags": ["\ud800"]}),
        },
    )
    yield (
        "error",
        {
            "a message with escapes": encoded({"errors": [{"message": "\x1b]0;x\x07\x1b[2J\nError: x"}]}),
            "errors that are an object": encoded({"errors": {"message": "x"}}),
            "an error that is a text": encoded({"errors": ["x"]}),
            "a message that is a list": encoded({"errors": [{"message": [[]]}]}),
            "a message without end": encoded({"errors": [{"message": "x " * 500_000}]}),
        },
    )
    yield (
        "oci-layout",
        {
            "a version of another age": encoded({"imageLayoutVersion": "2.0.0"}),
            "a version that is a list": encoded({"imageLayoutVersion": ["1.0.0"]}),
            "a version that is a number": encoded({"imageLayoutVersion": 1.0}),
        },
    )


HOSTILE: dict[str, Inputs] = {
    **dict(_headers()),
    "manifest": _manifests(),
    "layout index": _layouts(),
    "store": {f"a digest that is {name}": encoded({"manifests": [{"digest": v}]}) for name, v in _DIGESTS.items()},
    "configuration": _configurations(),
    "seed index": _seed_indexes(),
    "record": _records(),
    "row of a database": _records(),
    "line of an archive": _lines(),
    "figures": _figures(),
    "events": _events(),
    "action graph": _graphs(),
    "gzip": _zips(),
    "archive": _zips(),
    "archive of an index": _tars(),
}
for _name in _READS_JSON:
    HOSTILE[_name] = HOSTILE.get(_name, {}) | {f"no JSON: {tries}": data for tries, data in _NO_JSON.items()}
