"""Names of users and groups are looked up once, until something may have changed them."""

from __future__ import annotations

import pwd
from collections import Counter

import pytest

from kprov.agent.files import attributes


def test_a_user_is_looked_up_once_until_names_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    real = pwd.getpwnam

    def getpwnam(name: str) -> pwd.struct_passwd:
        asked[name] += 1
        return real(name)

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    attributes.forget_names()
    assert [attributes.owner_id("root") for _ in range(3)] == [0, 0, 0]
    assert asked["root"] == 1
    attributes.forget_names()
    assert attributes.owner_id("root") == 0
    assert asked["root"] == 2
    attributes.forget_names()


def test_a_missing_user_is_not_cached() -> None:
    attributes.forget_names()
    for _ in range(2):
        assert attributes.name_of(pwd.getpwuid, 54321987) == "54321987"
    assert not attributes._name_cache
