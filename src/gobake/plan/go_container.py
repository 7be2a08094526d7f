"""Asks Go in the builder's container, if the host has no Go that is new enough for the project.

It runs the same `go list` over a bind mount of the sources; the answers leave the build as files.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from gobake import engine
from gobake.errors import BuildFailed, GobakeError, GoMissing, TransferStalled
from gobake.gotool import sources, words
from gobake.gotool.asking import Answer, Query, Question, questions
from gobake.gotool.modules import Layout
from gobake.gotool.packages import GoTree
from gobake.gotool.reading import read
from gobake.paths import scratch_folder
from gobake.recipe.bakefile import NOBODYS, apart

_MOUNTED = "/src"
_SETTINGS = "goenv"  # the secret with Go's module settings


def survey(layout: Layout, asked: Iterable[Query], image: str, builder: str, settings: Callable[[], str]) -> GoTree:
    """Do what gotool.local.survey does, in a container of ``image``.

    ``settings``: the host's module settings in the format of a GOENV file. Raises GoMissing if no engine could run it,
    BuildFailed, and TransferStalled if nothing arrives for too long.
    """
    jobs = questions(layout, asked)
    with scratch_folder() as folder:
        file, answers, context = Path(folder, "Dockerfile"), Path(folder, "answers"), Path(folder, "context")
        file.write_text(dockerfile(layout, jobs, image))
        sources.lay(layout, context)
        try:
            secrets = {_SETTINGS: settings()}
            engine.build_folder(file, context, answers, builder, secrets=secrets, arguments=apart(NOBODYS))
        except BuildFailed as error:
            from gobake.trace.failure import no_go_image

            if re.search(rf"{re.escape(image)}: failed to resolve source metadata .*: not found", error.what):
                raise no_go_image(image) from None
            raise
        except TransferStalled:
            raise
        except GobakeError as error:
            raise GoMissing(
                f"no Go on this machine that is new enough (the project asks for {layout.go_requirement or 'any'})"
                f", and none in a container: {error.what}",
                remedy="install Go, or start a Docker Engine",
            ) from None
        told = [
            Answer(
                question=job,
                listed=(answers / f"{number}.json").read_text(),
                said=_here(layout, (answers / f"{number}.err").read_text()),
            )
            for number, job in enumerate(jobs)
        ]
        return read(layout, told, mounted=_MOUNTED)


def dockerfile(layout: Layout, jobs: Sequence[Question], image: str) -> str:
    """Return a Dockerfile whose single RUN asks all questions; failures leave their messages for the host to read.

    If Go needs other modules to answer, it may fetch them. What it writes beside the sources is discarded.
    """
    lines = ["mkdir /answers"]
    for number, job in enumerate(jobs):
        env = job.env(lambda path: _seen(layout, path))
        own = {name: value for name, value in env.items() if name not in ("GOPROXY", "GOENV")}
        retry = {**own, "GOENV": f"/run/secrets/{_SETTINGS}"}
        needed = f"grep -qF {shlex.quote(words.OFF)} /answers/{number}.err /answers/{number}.json"
        lines.append(
            f"cd {shlex.quote(_seen(layout, job.folder))} && {_asked(number, env, job)} && "
            f"{{ ! {needed} || {_asked(number, retry, job)}; }}"
        )
    script = " && \\\n    ".join(lines)
    return (
        f"FROM --platform=$BUILDPLATFORM {image} AS ask\n"
        f"RUN --mount=type=bind,target={_MOUNTED},rw --mount=type=secret,id={_SETTINGS} \\\n    {script}\n"
        "FROM scratch\nCOPY --from=ask /answers/ /\n"
    )


def _asked(number: int, env: Mapping[str, str], job: Question) -> str:
    settings = " ".join(f"{key}={shlex.quote(value)}" for key, value in env.items())
    said = f"2>&1 > /answers/{number}.json | tee /answers/{number}.err >&2"  # visible, so that a download is named
    return f"{{ {settings} {shlex.join(job.command)} {said}; }}"


def _here(layout: Layout, words: str) -> str:
    """Replace container paths in Go's messages with the user's."""
    return re.sub(rf"(?<![\w./-]){_MOUNTED}(?=/|\W|$)", lambda _: str(layout.context), words)


def _seen(layout: Layout, path: Path) -> str:
    return str(Path(_MOUNTED, path.relative_to(layout.context)))
