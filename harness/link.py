"""A TCP relay on the loopback interface with a limited rate, since a loopback flatters everything that is far away."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

CHUNK = 1 << 16  # bytes


class Pace:
    """When bytes may pass: those of one direction follow one another at the rate, whatever connection they are on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = 0.0  # when the line is free again

    def wait(self, count: int, rate: float | None, now: float) -> float:
        """Take the line for ``count`` bytes; return the seconds until the last of them is through.

        ``rate``: bytes per second, or None for no limit; ``now``: of a monotonic clock.
        """
        if rate is None:
            return 0.0
        with self._lock:
            self._free = max(self._free, now) + count / rate
            return self._free - now


class Link:
    """Listens on ``port`` and passes everything on to another port. ``rate`` may change at any time."""

    def __init__(self, target: int) -> None:
        self.rate: float | None = None  # bytes per second in each direction
        self._target = target
        self._paces = (Pace(), Pace())
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            back = threading.Thread(target=self._pump, args=(far, near, self._paces[1]), daemon=True)
            back.start()
            self._pump(near, far, self._paces[0])
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, pace: Pace) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                time.sleep(pace.wait(len(data), self.rate, time.monotonic()))
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)  # the other direction may go on
