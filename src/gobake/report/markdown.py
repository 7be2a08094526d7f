"""Text of others in Markdown: shown literally where it is rendered, and readable where it is not."""

from __future__ import annotations

import re

from gobake.text.printable import one_line

# What may begin markup, HTML, mathematics, mentions or links. Signs that are none of it where they stand stay: a colon
# before a blank or a digest, a _ within a name, a quotation mark.
_SPECIAL = re.compile(
    r"[\\`*{}\[\]<>&|#~@$^]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|!(?=\S)|=(?==)|(?<==)="
    r"|:(?=//)|:(?=[\w+-]+:)"  # addresses and emoji
    r"|(?<=www)\.",
    re.IGNORECASE,
)


def escaped(text: str, width: int = 200) -> str:
    """A text as one line that Markdown shows literally; what could be markup becomes an entity."""
    return _SPECIAL.sub(lambda sign: f"&#{ord(sign[0])};", one_line(text, width))
