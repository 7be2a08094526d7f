"""`history`: where the records of runs are kept."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from gobake.config.fields import Key, fields_of, section
from gobake.config.words import HISTORY_FOLDER


class HistoryConfig(Struct, frozen=True, kw_only=True):
    """Where the records of runs are kept."""

    folder: Annotated[
        str | None,
        Key(
            kind=HISTORY_FOLDER.kind,
            about="The folder of the records, seen from gobake.yaml; each project has one of its name in it. "
            "--history and GOBAKE_HISTORY win.",
            example="./.gobake/history",
            otherwise="in the data folder of whoever builds, one for every checkout",
        ),
    ] = None


HISTORY_FIELDS = fields_of(HistoryConfig)
history_kind = section(HistoryConfig, "settings of the history")
