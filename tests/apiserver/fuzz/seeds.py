"""KPROV_FUZZ_SEED: one number from which all cases of a run are made, the same again for the same number."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

SEED: Final = int(os.environ.get("KPROV_FUZZ_SEED", "20"))
#: How many requests all tests here play together.
CASES: Final = int(os.environ.get("KPROV_FUZZ_CASES", "80"))
#: Cases are made and played, nothing else: a judge remembers what went wrong, and goes on.
GENERATED: Final = settings(
    database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
