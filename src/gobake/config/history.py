"""`history`: where the records of runs are kept."""

from __future__ import annotations

from gobake.config.fields import Field, object_schema, read_fields
from gobake.config.kinds import Kind
from gobake.config.reading import At
from gobake.config.values import HistoryConfig
from gobake.config.words import HISTORY_FOLDER

HISTORY_FIELDS = (
    Field(
        name="folder",
        kind=HISTORY_FOLDER.kind,
        about="The folder of the records, seen from gobake.yaml; each project has one of its name in it. "
        "--history and GOBAKE_HISTORY win.",
        example="./.gobake/history",
        otherwise="in the data folder of whoever builds, one for every checkout",
    ),
)


def _read_history(at: At) -> HistoryConfig:
    return HistoryConfig(**read_fields(at, HISTORY_FIELDS))


history_kind: Kind[HistoryConfig] = Kind(
    read=_read_history, described=lambda: object_schema(HISTORY_FIELDS), says="settings of the history"
)
