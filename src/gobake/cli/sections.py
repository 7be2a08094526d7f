"""The help of commands with many options: in sections, with the variables and exit codes at the end."""

from __future__ import annotations

import click

from gobake.errors import ExitCode

# heading -> names of parameters, in the order of the options
SECTIONS = {
    "What": (
        "strategies",
        "platforms",
        "version",
        "bases",
        "every",
        "since",
        "shards",
        "by",
        "affected",
        "moved_bases",
        "shard",
        "shards_file",
        "runners",
        "keep_going",
        "no_cache",
        "dry_run",
    ),
    "Where to": ("registry", "tags", "push", "load", "metadata_file", "images_file", "folder", "force"),
    "Starts": ("smoke", "smoke_timeout", "run"),
    "Caches": ("cache_policy", "cache_store"),
    "Gate": (
        "min_hit_rate",
        "min_go_hit_rate",
        "max_seconds_regression",
        "require_cache",
        "max_size",
        "max_growth",
        "gate_exempt",
    ),
    "Project and builder": (
        "directory",
        "config_file",
        "trust",
        "locked",
        "builder",
        "stall_timeout",
        "retries",
        "history",
    ),
    "Output": ("progress", "form", "verbose", "quiet", "color"),
}
LAST = "Output"  # with whatever has no section
_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.USAGE: "wrong usage or configuration",
    ExitCode.NO_ENGINE: "no engine, or one that cannot do it",
    ExitCode.BUILD_FAILED: "the build failed",
    ExitCode.GATE_FAILED: "the gate failed",
    ExitCode.REGISTRY: "a registry refused",
    ExitCode.NOT_STARTED: "an image did not start",
    ExitCode.INTERRUPTED: "interrupted",
}


class Sectioned(click.Command):
    """A command whose --help has sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = {param.name: param for param in self.get_params(ctx) if isinstance(param, click.Option)}
        for heading, names in SECTIONS.items():
            shown = [options.pop(name).get_help_record(ctx) for name in names if name in options]
            if heading == LAST:
                shown += [option.get_help_record(ctx) for option in options.values()]
            if records := [record for record in shown if record]:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        variables = sorted(str(p.envvar) for p in self.get_params(ctx) if p.envvar and not getattr(p, "hidden", False))
        with formatter.section("Environment, for options that are not given"):
            formatter.write_text(", ".join(variables))
        with formatter.section("Exit codes"):
            formatter.write_text(", ".join(f"{code} {meaning}" for code, meaning in _MEANINGS.items()))
