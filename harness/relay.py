"""A Unix socket connected to the engine's own BuildKit, for `docker buildx create --driver remote`.

Every connection uses a separate `docker buildx dial-stdio`; several relays act as several nodes of a builder.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path


class Relay:
    """Listens from `start` to `stop`."""

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        """``env``: variables that select the engine, if it is another than the environment's."""
        self.path = path
        self._env = {**os.environ, **env}
        self._listener = socket.socket(socket.AF_UNIX)
        self._carriers: list[subprocess.Popen[bytes]] = []
        self._connections: list[socket.socket] = []
        self._stopped = False

    def start(self) -> None:
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._stopped = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:  # the plugin that `docker` started outlives it
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for carrier in self._carriers:
            carrier.kill()
            carrier.wait()

    def _accept(self) -> None:
        while not self._stopped:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            carrier = subprocess.Popen(
                ["docker", "buildx", "dial-stdio", "--builder", "default"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=self._env,
            )
            self._carriers.append(carrier)
            self._connections.append(connection)
            threading.Thread(target=self._to_engine, args=(connection, carrier), daemon=True).start()
            threading.Thread(target=self._from_engine, args=(connection, carrier), daemon=True).start()

    @staticmethod
    def _to_engine(connection: socket.socket, carrier: subprocess.Popen[bytes]) -> None:
        assert carrier.stdin is not None
        with contextlib.suppress(OSError, ValueError), carrier.stdin:
            while data := connection.recv(1 << 16):
                carrier.stdin.write(data)

    @staticmethod
    def _from_engine(connection: socket.socket, carrier: subprocess.Popen[bytes]) -> None:
        assert carrier.stdout is not None
        with contextlib.suppress(OSError, ValueError), connection, carrier.stdout:
            while data := carrier.stdout.read(1 << 16):
                connection.sendall(data)
