"""Runs a real headless browser for the tests, from Debian packages that are unpacked once and not installed.

It is controlled over two pipes (`--remote-debugging-pipe`), without a port or a library.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.packages import TOOLS_SUITE, download, unpack
from harness.places import HarnessError, cache_folder, fresh_folder

PACKAGES = ("chromium-headless-shell", "fonts-inter", "fonts-dejavu-core")
ANSWER_SECONDS = 60
# The machine's own are used, which are as new or newer: two C libraries in one process conflict.
_OWN = ("libc6_", "libc-bin_", "libgcc-s1_", "gcc-12-base_")
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio")
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{folder}/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <alias><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>Inter</family><family>DejaVu Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""
_WORDS = (
    "--remote-debugging-pipe",
    "--no-sandbox",  # the sandbox does not work for root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
)


def browser_folder() -> Path:
    """Return the folder with the browser, its libraries and its fonts, which is made once."""
    folder = cache_folder() / "browser"
    with fresh_folder(folder, f"1 {' '.join(PACKAGES)}") as new:
        if new:
            files = download(TOOLS_SUITE, "amd64", PACKAGES, dependencies=True)
            unpack([file for file in files if not file.name.startswith(_OWN)], new)
            (new / "fonts.conf").write_text(_FONTS.format(folder=folder))
    return folder


@dataclass(kw_only=True)
class Tab:
    """One page in the browser, and its events since it was opened."""

    _write: int
    _read: int
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _number: int = 0
    _rest: bytes = b""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and return its result. Raises HarnessError if it is refused."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        self._send(json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWER_SECONDS
        while True:
            reply = self._next(until)
            if reply.get("id") != self._number:
                self.events.append(reply)
            elif "error" in reply:
                raise HarnessError(f"{method}: {reply['error']['message']}")
            else:
                return dict(reply["result"])

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise HarnessError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def open(self, file: Path) -> None:
        """Load a page from the disk completely."""
        self.events.clear()
        self.call("Page.navigate", url=file.resolve().as_uri())
        self.until("document.readyState === 'complete'")

    def until(self, expression: str) -> None:
        end = time.monotonic() + ANSWER_SECONDS
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise HarnessError(f"never became true: {expression}; the page logged {self.complaints()}")
            time.sleep(0.05)

    def look(self, *, width: int, height: int = 900, dark: bool = False, media: str = "") -> None:
        """Set the size of the window, the colour scheme, and the medium; "" is the screen."""
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def press(self, key: str) -> None:
        code = {"Tab": 9, "Escape": 27, "ArrowRight": 39, "Enter": 13, "ArrowDown": 40}[key]
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def complaints(self) -> list[str]:
        """Return the messages in the console and the log: errors, warnings, violations of the page's policy."""
        kinds = (
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Page.javascriptDialogOpening",
        )
        return [json.dumps(e["params"])[:600] for e in self._events(*kinds)]

    def requests(self) -> list[str]:
        """Return every requested address."""
        return [str(e["params"]["request"]["url"]) for e in self._events("Network.requestWillBeSent")]

    def _events(self, *methods: str) -> list[dict[str, Any]]:
        self.call("Runtime.evaluate", expression="0")  # earlier events arrive before its answer
        return [event for event in self.events if event.get("method") in methods]

    def _send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._write, data) :]

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._read], [], [], max(0.0, until - time.monotonic()))[0]:
                raise HarnessError(f"the browser does not answer within {ANSWER_SECONDS} s")
            data = os.read(self._read, 1 << 20)
            if not data:
                raise HarnessError("the browser has ended")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        reply = json.loads(message)
        assert isinstance(reply, dict)
        return reply


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """Yield an empty tab; the browser writes to ``folder`` and ends with the block."""
    root = browser_folder()
    folder.mkdir(parents=True, exist_ok=True)
    commands, answers = os.pipe(), os.pipe()
    words = (*_WORDS, f"--user-data-dir={folder / 'profile'}", "about:blank")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "LD_LIBRARY_PATH": ":".join(str(root / place) for place in _LIBRARIES),
        "FONTCONFIG_FILE": str(root / "fonts.conf"),
        "LANG": "C.UTF-8",
    }
    # The browser reads commands from file descriptor 3 and writes answers to 4.
    script = f'exec 3<&{commands[0]} 4>&{answers[1]}; exec "$0" "$@"'
    program = root / "usr/lib/chromium/chromium-headless-shell"
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", script, program, *words],
            pass_fds=(commands[0], answers[1]),
            env=environment,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    os.close(commands[0])
    os.close(answers[1])
    try:
        yield _first_tab(commands[1], answers[0])
    finally:
        os.close(commands[1])  # the browser ends when its commands do
        os.close(answers[0])
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _first_tab(write: int, read: int) -> Tab:
    tab = Tab(_write=write, _read=read)
    (target,) = [t for t in tab.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
    tab.session = tab.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
        tab.call(f"{domain}.enable")
    return tab
