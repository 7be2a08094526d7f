"""Asking Go in the builder's container, where the host has no Go that is new enough for the project.

The same `go list` runs over a bind mount of the sources; its answers leave the build as files.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from gobake import engine
from gobake.errors import BuildFailed, GobakeError, GoMissing
from gobake.golang import GoTree, Query, Question, questions, read, refusal
from gobake.gomod import Layout

_MOUNTED = "/src"
_IGNORE = (
    "**\n!**/*.go\n!**/go.mod\n!**/go.sum\n!**/go.work\n!**/go.work.sum\n!**/vendor/modules.txt\n**/node_modules\n"
)


def survey(layout: Layout, asked: Iterable[Query], image: str, builder: str) -> GoTree:
    """As golang.survey, in a container of ``image``. Raises GoMissing where no engine could run it."""
    jobs = questions(layout, asked)
    with tempfile.TemporaryDirectory(prefix="gobake-") as folder:
        file, answers = Path(folder, "Dockerfile"), Path(folder, "answers")
        file.write_text(dockerfile(layout, jobs, image))
        Path(folder, "Dockerfile.dockerignore").write_text(_IGNORE)
        try:
            engine.build_folder(file, layout.context, answers, builder)
        except BuildFailed:
            raise
        except GobakeError as error:
            raise GoMissing(
                f"no Go on this machine that is new enough (the project asks for {layout.go_requirement or 'any'})"
                f", and none in a container: {error.what}",
                remedy="install Go, or start a Docker Engine",
            ) from None
        read_answers = []
        for number, job in enumerate(jobs):
            text = (answers / f"{number}.json").read_text()
            if not text.strip() and (complaint := (answers / f"{number}.err").read_text()).strip():
                raise refusal(job.folder, complaint)
            read_answers.append((job, text))
        return read(layout, read_answers, mounted=_MOUNTED)


def dockerfile(layout: Layout, jobs: Sequence[Question], image: str) -> str:
    """One RUN that asks all questions; a question that fails leaves its words for the host to read."""
    lines = []
    for number, job in enumerate(jobs):
        folder = Path(_MOUNTED, job.folder.relative_to(layout.context))
        settings = " ".join(f"{key}={shlex.quote(value)}" for key, value in job.env.items())
        lines.append(
            f"cd {shlex.quote(str(folder))} && {{ {settings} {shlex.join(job.command)} "
            f"> /answers/{number}.json 2> /answers/{number}.err || true; }}"
        )
    script = " && \\\n    ".join(["mkdir /answers", *lines])
    return (
        f"FROM --platform=$BUILDPLATFORM {image} AS ask\n"
        f"RUN --mount=type=bind,target={_MOUNTED} \\\n    {script}\n"
        "FROM scratch\nCOPY --from=ask /answers/ /\n"
    )
