"""Public reports, tried on gobake: every case, by `pytest tests/engine/test_public_cases.py`.

The tests lie in tests/engine/cases, by what they are about.
"""

from tests.engine.cases.asking import *  # noqa: F403
from tests.engine.cases.checkouts import *  # noqa: F403
from tests.engine.cases.making import repository  # noqa: F401
from tests.engine.cases.modules import *  # noqa: F403
from tests.engine.cases.names import *  # noqa: F403
from tests.engine.cases.paths import *  # noqa: F403
from tests.engine.cases.reading import *  # noqa: F403
from tests.engine.cases.refusing import *  # noqa: F403
from tests.engine.cases.rendering import *  # noqa: F403
from tests.engine.cases.running import *  # noqa: F403
