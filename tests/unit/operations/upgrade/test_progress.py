"""The record of a host in the journal of an upgrade, also that of the last release."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.errors import KprovError
from kprov.operations.phases import Memory
from kprov.operations.upgrade.progress import HostProgress, read_progress, update_progress


def test_a_host_without_a_record_has_begun_nothing() -> None:
    assert read_progress(Memory({}), "a") == HostProgress()


def test_a_change_keeps_the_other_fields_and_hosts() -> None:
    memory = Memory({})
    update_progress(memory, "a", begun="new", before="old")
    update_progress(memory, "a", cordoned=False)
    update_progress(memory, "b", begun="other")
    assert read_progress(memory, "a") == HostProgress("new", None, "old", cordoned=False)
    assert read_progress(memory, "b") == HostProgress("other")


def test_a_journal_of_the_last_release_is_continued() -> None:
    memory = Memory({"begun a": "new", "before a": "old", "done a": None, "cordoned a": False})
    assert read_progress(memory, "a") == HostProgress("new", None, "old", cordoned=False)
    update_progress(memory, "a", done="new")
    assert read_progress(memory, "a") == HostProgress("new", "new", "old", cordoned=False)


@pytest.mark.parametrize("value", [{"begun": 4}, {"cordoned": "no"}, {"paused": True}, ["begun"], "begun"])
def test_a_record_of_another_version_is_rejected(value: Any) -> None:
    with pytest.raises(KprovError, match="the journal's record of a is not one of this version of kprov"):
        read_progress(Memory({"progress of a": value}), "a")
