"""A pipeline that is written again keeps what its user has edited, and says so where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gobake.pipelines import keeping
from gobake.pipelines.heading import digest_of, taken_apart
from gobake.pipelines.keeping import Kind, rewrite
from gobake.pipelines.options import Options, System, recorded
from gobake.pipelines.place import Place
from tests.conftest import commit
from tests.unit.pipelines.written import options, text

Edit = Callable[[str], str]
NEWER = Options(  # what a second run is for: values that stand in many places
    registry="registry.example.com/other",
    install="git+https://git.example.com/acme/gobake@fedcba9876543210fedcba9876543210fedcba98",
    platforms=("linux/amd64", "linux/arm64", "linux/riscv64"),
    go_version_file="go.mod",
)


def _line(old: str, new: str) -> Edit:
    """Replace the first line that holds a text."""

    def edit(text: str) -> str:
        assert old in text
        lines = text.splitlines(keepends=True)
        at = next(at for at, line in enumerate(lines) if old in line)
        lines[at] = lines[at].replace(old, new)
        return "".join(lines)

    return edit


def _after(old: str, more: str) -> Edit:
    """Put lines behind the first line that holds a text."""

    def edit(text: str) -> str:
        lines = text.splitlines(keepends=True)
        at = next(at for at, line in enumerate(lines) if old in line)
        return "".join([*lines[: at + 1], more, *lines[at + 1 :]])

    return edit


def _without(begin: str, end: str) -> Edit:
    """Remove the lines from one that begins with a text up to another."""

    def edit(text: str) -> str:
        head, found, rest = text.partition(begin)
        assert found
        _, stop, tail = rest.partition(end)
        assert stop
        return head + stop + tail

    return edit


def _job_renamed(old: str, new: str) -> Edit:
    return lambda text: text.replace(f"\n  {old}:\n", f"\n  {new}:\n").replace(f"needs: {old}\n", f"needs: {new}\n")


def _swapped(first: str, second: str, end: str) -> Edit:
    """Exchange two paragraphs, each from its own first words; the second ends before ``end``."""

    def edit(text: str) -> str:
        head, _, rest = text.partition(first)
        one, found, rest = rest.partition(second)
        assert found
        two, found, tail = rest.partition(end)
        assert found
        return f"{head}{second}{two}{first}{one}{end}{tail}"

    return edit


GITHUB: dict[str, Edit] = {
    "a job added at the end": lambda text: (
        text + "\n  lint:\n    runs-on: ubuntu-24.04\n    steps: [{run: make lint}]\n"
    ),
    "a job added at the front": _after(
        "jobs:", "  lint:\n    runs-on: ubuntu-24.04\n    steps: [{run: make lint}]\n\n"
    ),
    "a runner changed": _line("runs-on: ${{ matrix.runner }}", "runs-on: [self-hosted, linux]"),
    "a step added": _after("run: pip install", "      - run: ./prepare.sh\n"),
    "a step removed": _without("      - uses: docker/setup-buildx-action", "      - uses: docker/login-action"),
    "a variable added": _after("env:", "  GOBAKE_PROGRESS: plain\n"),
    "a variable changed": _line("SHARD: ${{ matrix.name }}", 'SHARD: "${{ matrix.shard }}"'),
    "a job removed": _without("  # Go keeps the results of tests", "  # A shard for each runner."),
    "comments added": _after("timeout-minutes: 60", "    # an hour is enough, says Ann\n"),
    "comments removed": _without("# A new push to a pull request", "concurrency:"),
    "keys reordered": _swapped("# The token of a job", "# A new push", "env:"),
    "another branch": _line('branches: ["main"]', 'branches: ["trunk", "release/*"]'),
    "permissions of its own": _line(
        "      packages: write # images", "      packages: write\n      id-token: write # images"
    ),
    "a schedule": _line('# schedule: [{cron: "17 3 * * 1"}]', 'schedule: [{cron: "5 4 * * 0"}]'),
    "other times": _line("timeout-minutes: 30", "timeout-minutes: 5"),
    "a condition": _line(
        "if: needs.plan.outputs.any == 'true'", "if: needs.plan.outputs.any == 'true' && !cancelled()"
    ),
    "another action": _line("actions/cache@27d5ce7f107fe9357f9df03efb73ab90386fccae # v5.0.5", "acme/cache@v1"),
    "a gate": _line('--shard "$SHARD" --push', '--shard "$SHARD" --push --max-growth 5%'),
    "other tags": _line('"{{version}} {{branch}} {{sha}}"', '"{{version}} edge"'),
    "a name": _line("name: gobake", "name: images"),
    "a deployment": _line(
        "  # deploy:", "  deploy:\n    needs: merge\n    runs-on: ubuntu-24.04\n    steps: [{run: ./up}]\n  #"
    ),
    "a job renamed": _job_renamed("test", "unit"),
    "something above the heading": lambda text: f"# Copyright of Acme\n\n{text}",
    "the heading's own blank line": lambda text: text.replace("\n\nname:", "\nname:", 1),
}
GITLAB: dict[str, Edit] = {
    "a job added at the end": lambda text: text + "\nlint:\n  script: [make lint]\n",
    "a job added at the front": _after("  DOCKER_TLS_CERTDIR", "\nlint:\n  script: [make lint]\n"),
    "a runner changed": _line("tags: [$RUNNER]", "tags: [ours]"),
    "a step added": _after("- docker buildx create --use engine", "    - ./prepare.sh\n"),
    "a step removed": _line("    - docker buildx create --use engine\n", ""),
    "a variable added": _after("variables:", "  GOBAKE_PROGRESS: plain\n"),
    "a variable changed": _line('DOCKER_TLS_CERTDIR: "/certs"', 'DOCKER_TLS_CERTDIR: ""'),
    "a job removed": _without("# Go keeps the results of tests", "# A shard for each job."),
    "comments added": _after("  stage: merge", "  # Ann looks after this\n"),
    "comments removed": _without("# Jobs with gobake.", ".gobake:"),
    "keys reordered": _swapped("# What the change affects", "# Go keeps the results", "# A shard for each job."),
    "another branch": _line("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", '$CI_COMMIT_BRANCH == "trunk"'),
    "rules of its own": _after("  stage: test", "  rules: [{changes: ['**/*.go']}]\n"),
    "another stage": _after("  - merge", "  - scan\n"),
    "other times": _line("timeout: 30m", "timeout: 5m"),
    "an image": _line("image: docker:28-cli", "image: registry.example.com/gobake:1"),
    "a service": _line("services: [docker:28-dind]", "services: []"),
    "a gate": _line('--shard "$SHARD" --push', '--shard "$SHARD" --push --max-growth 5%'),
    "other tags": _line('"{{version}} {{branch}} {{sha}}"', '"{{version}} edge"'),
    "artifacts": _line("expire_in: 1 week", "expire_in: 1 day"),
    "a deployment": _line("# deploy:", "deploy:\n  stage: deploy\n  script: [./up]\n#"),
    "a retry": _after("  stage: build", "  retry: 1\n"),
    "something above the heading": lambda text: f"# Copyright of Acme\n\n{text}",
}
EDITS = [
    *((System.GITHUB, name, edit) for name, edit in GITHUB.items()),
    *((System.GITLAB, name, edit) for name, edit in GITLAB.items()),
]


def _file(tmp_path: Path, system: System, content: str) -> Place:
    place = Place.of(system, tmp_path / "repository")
    place.write(content)
    return place


@pytest.mark.parametrize(
    ("system", "edit"), [(s, e) for s, _, e in EDITS], ids=[f"{s}: {name}" for s, name, _ in EDITS]
)
def test_an_edit_is_kept_when_the_pipeline_is_written_for_other_options(
    system: System, edit: Edit, tmp_path: Path
) -> None:
    before = text(system)
    assert edit(before) != before
    made = rewrite(system, NEWER, _file(tmp_path, system, edit(before)))
    assert made.kind in (Kind.MERGED, Kind.REPLACED)
    assert taken_apart(made.text).body == taken_apart(edit(keeping.first(system, NEWER).text)).body
    assert taken_apart(made.text).above == taken_apart(edit(before)).above
    yaml.safe_load(made.text)
    again = rewrite(system, NEWER, _file(tmp_path / "again", system, made.text))
    assert (again.kind, again.text) == (Kind.SAME, made.text)


@pytest.mark.parametrize("system", System)
def test_all_edits_at_once_are_kept(system: System, tmp_path: Path) -> None:
    edited, wanted = text(system), keeping.first(system, NEWER).text
    for name, edit in (GITHUB if system is System.GITHUB else GITLAB).items():
        if name not in ("keys reordered", "a job removed", "comments removed"):  # whose places others have changed
            edited, wanted = edit(edited), edit(wanted)
    made = rewrite(system, NEWER, _file(tmp_path, system, edited))
    assert made.kind is Kind.MERGED
    assert taken_apart(made.text).body == taken_apart(wanted).body


@pytest.mark.parametrize("system", System)
def test_without_edits_it_is_written_anew_and_without_changes_it_stays(system: System, tmp_path: Path) -> None:
    place = _file(tmp_path, system, text(system))
    file = place.path
    assert rewrite(system, options(system), place).kind is Kind.SAME
    assert rewrite(system, NEWER, place) == keeping.Rewrite(kind=Kind.REPLACED, text=keeping.first(system, NEWER).text)
    file.write_text(text(system).replace("gobake 0.", "gobake 99.", 1))
    assert rewrite(system, options(system), place).kind is Kind.SAME
    file.unlink()
    assert rewrite(system, NEWER, place).kind is Kind.NEW


@pytest.mark.parametrize("system", System)
def test_an_edit_of_what_gobake_changes_is_never_lost_silently(system: System, tmp_path: Path) -> None:
    edited = _line("linux/amd64,linux/arm64", "linux/s390x")(text(system))
    made = rewrite(system, NEWER, _file(tmp_path, system, edited))
    assert made.kind is Kind.CONFLICT
    assert "<<<<<<< yours\n" in made.text
    assert made.refusal
    same = _line("linux/amd64,linux/arm64", "linux/amd64,linux/arm64,linux/riscv64")(text(system))
    assert rewrite(system, options(system), _file(tmp_path / "b", system, same)).kind is Kind.SAME


# ---- pipelines of other versions of gobake


def _of_an_older_gobake(system: System) -> str:
    """A pipeline whose template no gobake has any more."""
    page = taken_apart(text(system).replace("timeout-minutes: 30", "timeout-minutes: 29").replace("30m", "29m"))
    return page.heading.replace(page.digest, digest_of(page.body)) + page.body


@pytest.mark.parametrize("system", System)
def test_what_an_older_gobake_wrote_is_found_among_the_commits(system: System, tmp_path: Path) -> None:
    place = _file(tmp_path, system, _of_an_older_gobake(system))
    root = tmp_path / "repository"
    assert rewrite(system, NEWER, place).kind is Kind.REPLACED
    commit(root)
    edit = _line('"{{version}} {{branch}} {{sha}}"', '"{{version}} edge"')
    place.write(edit(place.read() or ""))
    commit(root, "edited")
    made = rewrite(system, NEWER, place)
    assert made.kind is Kind.MERGED
    assert taken_apart(made.text).body == taken_apart(edit(keeping.first(system, NEWER).text)).body


@pytest.mark.parametrize("system", System)
def test_what_was_edited_before_any_commit_is_left_alone(system: System, tmp_path: Path) -> None:
    place = _file(tmp_path, system, _of_an_older_gobake(system) + "# mine\n")
    assert rewrite(system, NEWER, place).kind is Kind.UNKNOWN
    commit(tmp_path / "repository")
    made = rewrite(system, NEWER, place)
    assert made.kind is Kind.UNKNOWN
    assert "edited before it was committed" in made.refusal


# ---- files of others


@pytest.mark.parametrize(
    "content",
    ["", "name: ours\n", "# gobake 0.1.0 {} sha256:0\n", "\xff\n", "# gobake 1 {{{} sha256:" + "0" * 63 + "\n"],
)
def test_a_file_that_is_not_gobakes_is_left_alone(content: str, tmp_path: Path) -> None:
    made = rewrite(System.GITHUB, NEWER, _file(tmp_path, System.GITHUB, content))
    assert made.kind is Kind.FOREIGN
    assert made.refusal


@pytest.mark.parametrize(
    "values",
    [
        "{}",
        "[]",
        '{"registry":"ghcr.io/acme"}',
        '{"registry":"ghcr.io/acme","install":"x","more":1}',
        '{"registry":"ghcr.io/acme","install":"x","shards":257}',
        '{"registry":"ghcr.io/acme","install":"x","shards":-1}',
        '{"registry":"${{ secrets.TOKEN }}","install":"x"}',
        '{"registry":"$CI_REGISTRY_IMAGE_OTHER","install":"x"}',
        '{"registry":"ghcr.io/acme\\n","install":"x"}',
        '{"registry":"ghcr.io/acme","install":"x; rm -rf ."}',
        '{"registry":"ghcr.io/acme","install":"--index-url=x"}',
        '{"registry":"ghcr.io/acme","install":"x","folder":"../.."}',
        '{"registry":"ghcr.io/acme","install":"x","branch":"a b"}',
        '{"registry":"ghcr.io/acme","install":"x","branch":"' + "b" * 301 + '"}',
        '{"registry":"ghcr.io/acme","install":"x","platforms":["linux/amd64 && x"]}',
        '{"registry":"ghcr.io/acme","install":"x","platforms":[" linux/amd64"]}',
        '{"registry":"ghcr.io/acme","install":"x","go_version_file":"/etc/passwd"}',
    ],
)
def test_options_that_gobake_would_not_have_written_do_not_count(values: str) -> None:
    assert recorded(values) is None


def test_a_registry_of_gitlab_is_taken() -> None:
    for registry in ("$CI_REGISTRY_IMAGE", "$CI_REGISTRY_IMAGE/images"):
        found = recorded(f'{{"registry":"{registry}","install":"x"}}')
        assert found is not None
        assert found.host == "$CI_REGISTRY"
