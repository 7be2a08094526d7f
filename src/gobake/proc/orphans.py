"""No process of gobake's outlives it: not even where gobake is killed and can end nothing itself.

Whatever gobake starts is given a variable in its environment, a mark of this one run. A small shell beside it waits on
a pipe that only gobake holds open, and ends what bears the mark when the pipe closes without a word. That reaches the
plugins of docker and the children of git and go; it needs neither pids, which other processes may have by then, nor a
parent that lives. (PR_SET_PDEATHSIG fires when the thread that started a process
ends, is lost to grandchildren, and is Linux only.)
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Mapping

MARK = "GOBAKE_PROCESS"  # variable of the environment; a gobake that another one started has a mark of its own
_DONE = b"done\n"

# Runs in a session of its own, without the mark. $1 is the mark with its value. macOS has no /proc: there ps shows the
# environment of one's own processes.
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

_held: int | None = None  # the pipe's end that says that this process lives
_mark = ""  # of this run; "" where nothing ends with it


def end_with_us() -> None:
    """From now on what this process starts ends with it. Once is enough; where there is no shell, nothing is done."""
    global _held, _mark
    if _held is not None:
        return
    without = {key: value for key, value in os.environ.items() if key != MARK}
    mark = f"{os.getpid()}-{os.urandom(8).hex()}"
    reading, _held = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _GUARD, "gobake-guard", f"{MARK}={mark}"],
            without,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_DUP2, nothing, 1),
                (os.POSIX_SPAWN_DUP2, nothing, 2),
            ],
            setsid=True,
        )
    except (OSError, NotImplementedError):
        return
    finally:
        os.close(reading)
        os.close(nothing)
    _mark = mark
    atexit.register(_ended)


def marked(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that is to end with this one."""
    return {**env, MARK: _mark} if _mark else dict(env)


def _ended() -> None:
    """In order: what still runs, such as a question that nobody waits for, ends by itself."""
    if _held is not None:
        with contextlib.suppress(OSError):
            os.write(_held, _DONE)
