"""For all unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from kprov.inventory import secrets

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _forget_secrets() -> Iterator[None]:
    """What one test treats as a secret must not be masked in the next."""
    yield
    secrets.forget()
