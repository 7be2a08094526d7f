"""The metrics of gobake: name, kind, labels, unit and meaning, as in docs/metrics.md.

Every metric of a run also has the labels of COMMON. Names and base units follow Prometheus' conventions.
"""

from __future__ import annotations

from msgspec import Struct

COMMON = ("project", "branch")


class Metric(Struct, frozen=True, kw_only=True):
    """One family of series."""

    name: str
    unit: str  # seconds, bytes, ratio (0 to 1), or the things counted
    labels: tuple[str, ...] = ()  # in addition to COMMON, or to `project` for a counter
    meaning: str


GAUGES = (
    Metric(
        name="gobake_run_info",
        unit="always 1",
        labels=("run", "revision", "outcome", "builder", "policy", "go_version", "gobake_version"),
        meaning="Which run the other metrics are about.",
    ),
    Metric(name="gobake_run_success", unit="0 or 1", meaning="Whether the run ended well."),
    Metric(name="gobake_run_timestamp_seconds", unit="seconds", meaning="When the run began, since 1970."),
    Metric(name="gobake_run_seconds", unit="seconds", meaning="Wall time of the run."),
    Metric(
        name="gobake_run_saved_seconds",
        unit="seconds",
        meaning="Time of the last cold run of the same targets, less that of this run; may be negative.",
    ),
    Metric(
        name="gobake_run_cache_cost_seconds",
        unit="seconds",
        meaning="What importing and exporting layers and restoring and saving seeds took.",
    ),
    Metric(
        name="gobake_critical_path_seconds",
        unit="seconds",
        meaning="The longest chain of steps: no other work could have shortened the run below it.",
    ),
    Metric(name="gobake_targets", unit="targets", meaning="Services times strategies that the run built."),
    Metric(
        name="gobake_steps",
        unit="steps",
        labels=("outcome",),
        meaning="Steps that were reused, imported, shared, executed, uncacheable or unknown.",
    ),
    Metric(
        name="gobake_step_hit_ratio",
        unit="ratio",
        meaning="Reused and imported steps among these and the executed ones.",
    ),
    Metric(
        name="gobake_step_weighted_hit_ratio",
        unit="ratio",
        meaning="The same, each step weighed by the seconds that it took when it was last executed.",
    ),
    Metric(
        name="gobake_go_packages",
        unit="packages",
        labels=("platform", "result"),
        meaning="Go packages that were compiled or came from the cache; each counts once a platform.",
    ),
    Metric(
        name="gobake_service_go_packages",
        unit="packages",
        labels=("service", "platform", "result"),
        meaning="The same by service; what services share counts for each of them.",
    ),
    Metric(name="gobake_go_hit_ratio", unit="ratio", meaning="Go packages from the cache among all."),
    Metric(name="gobake_go_links", unit="programs", labels=("platform",), meaning="Programs that Go linked."),
    Metric(
        name="gobake_go_tool_seconds",
        unit="seconds",
        meaning="Processor time of Go's compiler and linker.",
    ),
    Metric(
        name="gobake_go_modules",
        unit="modules",
        labels=("result",),
        meaning="Modules that the services need and that were downloaded or present.",
    ),
    Metric(
        name="gobake_service_seconds", unit="seconds", labels=("service",), meaning="Work on the steps of a service."
    ),
    Metric(
        name="gobake_strategy_seconds", unit="seconds", labels=("strategy",), meaning="Work on the steps of a strategy."
    ),
    Metric(
        name="gobake_platform_seconds", unit="seconds", labels=("platform",), meaning="Work on the steps of a platform."
    ),
    Metric(
        name="gobake_target_size_bytes",
        unit="bytes",
        labels=("service", "strategy", "platform", "kind"),
        meaning="The image, compressed (as it is pulled) and uncompressed (on the disk).",
    ),
    Metric(
        name="gobake_mount_bytes",
        unit="bytes",
        labels=("mount", "moment"),
        meaning="A cache mount of Go's, before and after the run.",
    ),
    Metric(
        name="gobake_seed_bytes",
        unit="bytes",
        labels=("direction", "form"),
        meaning="Seeds restored and saved, packed (as they are sent) and unpacked.",
    ),
    Metric(
        name="gobake_seed_seconds",
        unit="seconds",
        labels=("direction",),
        meaning="What restoring and saving seeds took, also where it failed.",
    ),
    Metric(
        name="gobake_layer_caches",
        unit="layer caches",
        labels=("direction", "result"),
        meaning="Imports that were found, empty or failed; exports that were written or failed; else unknown.",
    ),
    Metric(
        name="gobake_layer_cache_seconds",
        unit="seconds",
        labels=("direction",),
        meaning="What importing and exporting layers took, summed over targets, which run at the same time.",
    ),
    Metric(
        name="gobake_layer_cache_layers",
        unit="layers",
        labels=("direction",),
        meaning="Layers that exports wrote or found there.",
    ),
    Metric(
        name="gobake_layer_cache_bytes",
        unit="bytes",
        labels=("direction",),
        meaning="What exports wrote, where BuildKit tells.",
    ),
)

# Over all runs on record; only for the server, which reads the whole history, not for a file or push of one run.
COUNTERS = (
    Metric(name="gobake_runs_total", unit="runs", labels=("outcome",), meaning="Runs by how they ended."),
    Metric(name="gobake_build_seconds_total", unit="seconds", meaning="Wall time of all runs."),
    Metric(name="gobake_executed_steps_total", unit="steps", meaning="Steps that were executed."),
    Metric(name="gobake_compiled_packages_total", unit="packages", meaning="Go packages that were compiled."),
)
