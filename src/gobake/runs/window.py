"""How far back each question to the history goes: one place, so that two reports of one run see the same runs.

Whole records are large, summaries are small. Names say what is looked at, not how it is used.
"""

from __future__ import annotations

SUMMARIES = 50  # runs that figures are compared with: trends, spreads, the page
WHOLE = 20  # runs that are read whole: what steps cost, why they missed, which keys Go knew
RECENT = 10  # runs that gates, advice and remarks speak of as "the last runs"
