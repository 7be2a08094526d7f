"""An engine that is played: its containers do what their images' names say, and it remembers what is left."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gobake.engine.containers import Refused
from gobake.http import Answer
from gobake.model import Platform
from gobake.starting.probes import Limits, Probe, Way
from gobake.starting.start import Image

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
LIMITS = Limits(seconds=1.0, settled=0.2)
RUNS = Probe(way=Way.RUNS)


def image(name: str, probe: Probe = RUNS, platform: Platform = AMD64, **more: Any) -> Image:
    return Image(name=name, platform=platform, probe=probe, limits=LIMITS, **more)


class Played:
    """Images: `runs`, `exits-N`, `foreign`, `missing`, `memory` (of two megabytes)."""

    def __init__(self, port: int = 0) -> None:
        self.there: dict[str, Mapping[str, Any]] = {}  # by id
        self.made: list[Mapping[str, Any]] = []
        self.most = 0  # containers at once
        self._port = port
        self._lock = threading.Lock()

    def asked(self, method: str, path: str, document: Mapping[str, Any] | None = None, seconds: float = 0.0) -> Answer:
        path, _, _ = path.partition("?")
        with self._lock:
            return Answer(status=200, headers={}, body=self._answer(method, path.split("/")[2:], document))

    def _answer(self, method: str, words: list[str], document: Mapping[str, Any] | None) -> bytes:
        if method == "POST" and words == ["create"]:
            assert document is not None
            if document["Image"] == "missing":
                raise Refused("No such image: missing")
            name = f"{len(self.made):012x}"
            self.there[name] = document
            self.made.append(document)
            self.most = max(self.most, len(self.there))
            return json.dumps({"Id": name}).encode()
        if words == ["json"]:
            return json.dumps([{"Id": "f" * 12, "Labels": {"gobake.until": "1"}}]).encode()
        if method == "DELETE":
            self.there.pop(words[0], None)
            return b""
        told = self.there[words[0]]
        return {"start": b"", "json": self._state(told), "logs": self._log(told), "stats": STATS}[words[1]]

    def _state(self, told: Mapping[str, Any]) -> bytes:
        name = told["Image"]
        code = {"foreign": 255}.get(name, int(name.removeprefix("exits-")) if name.startswith("exits-") else -1)
        failed = name == "memory" and (told["HostConfig"]["ReadonlyRootfs"] or told.get("User"))
        state = {
            "Running": code < 0 and not failed,
            "ExitCode": max(code, 0) or int(bool(failed)),
            "StartedAt": "2026-11-30T02:11:05Z",
            "FinishedAt": "2026-11-30T02:11:05.5Z" if code >= 0 else "0001-01-01T00:00:00Z",
        }
        ports = {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(self._port)}]} if self._port else {}
        return json.dumps({"State": state, "NetworkSettings": {"Ports": ports}}).encode()

    def _log(self, told: Mapping[str, Any]) -> bytes:
        text = "exec /bin/a: exec format error\n" if told["Image"] == "foreign" else "one\n\x1b[31mlast\u202e\n"
        line = text.encode()
        return b"\2\0\0\0" + len(line).to_bytes(4, "big") + line


STATS = json.dumps({"memory_stats": {"stats": {"anon": 1_500_000, "shmem": 500_000}}}).encode()


@contextmanager
def answering(statuses: list[int]) -> Iterator[int]:
    """A server on the loopback address that answers with these statuses, the last one for ever; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
