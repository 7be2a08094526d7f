"""How many runs each query of the history covers: in one place, so that two reports of a run see the same runs.

Whole records are large, summaries are small. The names tell what is read, not how it is used.
"""

from __future__ import annotations

SUMMARIES = 50  # runs to compare figures with: trends, spreads, the page
WHOLE = 20  # runs read as whole records: what steps cost, why they missed, which keys Go knew
RECENT = 10  # runs that gates, advice and remarks call "the last runs"
BASELINES = 300  # summaries that are searched for the last run of a branch that built the same images
