"""For all unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from kprov.inventory import secrets
from kprov.inventory.vault import keyring

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _forget_passwords() -> Iterator[None]:
    """A command that runs in this process leaves passwords, and secrets to mask, for the next test."""
    yield
    keyring.use_keyring(None)
    secrets.forget()
