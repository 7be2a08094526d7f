"""Ends all processes that gobake started, even if gobake is killed.

Each process gets an environment variable, the mark of this run. A small shell waits on a pipe that only gobake holds
open. If the pipe closes without a word, the shell ends the processes with the mark. That reaches docker's plugins and
the children of git and go. It needs neither pids, which may be reused, nor a live parent. (PR_SET_PDEATHSIG fires when
the thread that started a process ends, does not apply to grandchildren, and is Linux only.)
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

MARK = "GOBAKE_PROCESS"  # environment variable; a gobake started by another one has its own mark
_DONE = b"done\n"

# Runs in its own session, without the mark. $1 is the mark with its value. macOS has no /proc, but ps shows the
# environment of the user's own processes.
_GUARD = """
cd /
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
trap '' HUP INT QUIT TERM
read -r word && exit
ours() {
  if [ -d /proc/self ]
  then grep -lsF "$1" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do echo "$pid"; done
  else ps -axEww -o pid=,command= | grep -F "$1" | grep -vF gobake-guard | while read -r pid _; do echo "$pid"; done
  fi
}
for signal in TERM KILL KILL KILL KILL
do
  pids=$(ours "$1")
  [ "$pids" ] || exit
  kill -s $signal $pids
  sleep 1
done 2>/dev/null
"""

# Runs its arguments, likewise.
_AFTER = """
cd /
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
trap '' HUP INT QUIT TERM
read -r word && exit
exec "$@"
"""

_held: int | None = None  # the end of the pipe that shows that this process lives
_mark = ""  # of this run; "": processes are not ended


def end_with_us() -> None:
    """Make all processes started from now on end with this one. Idempotent; does nothing without a shell."""
    global _held, _mark
    if _held is not None:
        return
    mark = f"{os.getpid()}-{os.urandom(8).hex()}"
    _held, waits = _waiting_shell(_GUARD, f"{MARK}={mark}")
    if waits:
        _mark = mark
        atexit.register(_ended)


@contextlib.contextmanager
def when_killed(words: Sequence[str]) -> Iterator[None]:
    """Run a program if this process is killed within the context: for what runs elsewhere, such as a container."""
    held, _ = _waiting_shell(_AFTER, *words)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.write(held, _DONE)
        os.close(held)


def _waiting_shell(script: str, *words: str) -> tuple[int, bool]:
    """Start a shell that waits for a word or for the end of this process; return (the pipe to it, whether it runs)."""
    without = {key: value for key, value in os.environ.items() if key != MARK}
    reading, held = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", script, "gobake-guard", *words],
            without,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_DUP2, nothing, 1),
                (os.POSIX_SPAWN_DUP2, nothing, 2),
            ],
            setsid=True,
        )
    except (OSError, NotImplementedError):
        return held, False
    finally:
        os.close(reading)
        os.close(nothing)
    return held, True


def marked(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process that should end with this one."""
    return {**env, MARK: _mark} if _mark else dict(env)


def _ended() -> None:
    """Tell the shell that all is well: what still runs, such as an abandoned question, ends by itself."""
    if _held is not None:
        with contextlib.suppress(OSError):
            os.write(_held, _DONE)
