"""The records of upgrades and rollbacks, also those of the last release."""

from __future__ import annotations

from dataclasses import replace

from kprov.operations.phases import Memory
from kprov.operations.upgrade.progress import HostProgress, RollbackProgress, UpgradeProgress


def test_a_change_keeps_the_other_fields_and_hosts() -> None:
    memory = Memory({})
    HostProgress(begun="new", before="old").store(memory, "a")
    replace(HostProgress.read(memory, "a"), cordoned=False).store(memory, "a")
    HostProgress(begun="other").store(memory, "b")
    assert HostProgress.read(memory, "a") == HostProgress("new", None, "old", cordoned=False)
    assert HostProgress.read(memory, "b") == HostProgress("other")


def test_a_journal_of_the_last_release_is_continued() -> None:
    memory = Memory({"begun a": "new", "before a": "old", "done a": None, "cordoned a": False})
    assert HostProgress.read(memory, "a") == HostProgress("new", None, "old", cordoned=False)
    replace(HostProgress.read(memory, "a"), done="new").store(memory, "a")
    assert HostProgress.read(memory, "a") == HostProgress("new", "new", "old", cordoned=False)


def test_an_upgrade_of_the_last_release_keeps_its_order_and_its_rollback_its_bundles() -> None:
    memory = Memory({"leader": "", "targets": {"a": "old"}})
    assert UpgradeProgress.find(memory) == UpgradeProgress("")
    assert RollbackProgress.read(memory).targets == {"a": "old"}
    assert UpgradeProgress.find(Memory({"targets": None})) is None


def test_an_upgrade_that_takes_over_from_a_rollback_forgets_its_bundles() -> None:
    memory = Memory({"targets": {"a": "old"}})
    RollbackProgress().store(memory)
    assert RollbackProgress.read(memory).targets == {}
