"""The records of removals and replacements of hosts, also those of the last release."""

from __future__ import annotations

from kprov.operations.nodes.progress import OldHost, RemovalProgress
from kprov.operations.phases import Memory


def test_a_removal_of_the_last_release_is_continued() -> None:
    assert RemovalProgress.read(Memory({"targets": ["a", "gone"]})).targets == ("a", "gone")


def test_a_replacement_of_the_last_release_is_continued() -> None:
    memory = Memory({"a": {"members": ["1a"], "node": "uid", "reset": False}})
    assert OldHost.find(memory, "a") == OldHost(("1a",), "uid", reset=False)
    assert OldHost.find(memory, "b") is None
    OldHost(("1a",), "uid", reset=True).store(memory, "a")
    assert OldHost.read(memory, "a").reset
