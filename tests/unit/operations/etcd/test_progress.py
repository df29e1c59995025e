"""The records of a restore and of a member's replacement, also those of the last release."""

from __future__ import annotations

import pytest

from kprov.errors import KprovError
from kprov.operations.etcd.progress import ReplaceProgress, RestoreProgress, RestoreStep
from kprov.operations.phases import Memory


def test_a_step_is_done_until_it_has_to_be_done_again() -> None:
    progress = RestoreProgress().with_step(RestoreStep.SAVE).with_step(RestoreStep.ETCD)
    assert progress.done == (RestoreStep.SAVE, RestoreStep.ETCD)
    assert progress.without_step(RestoreStep.SAVE).done == (RestoreStep.ETCD,)


def test_a_restore_of_the_last_release_is_continued() -> None:
    memory = Memory(
        {"sha256": "ab", "token": "0a", "missing": ["b"], "revision": None, "done": ["save", "etcd"]}
    )
    expected = RestoreProgress("ab", "0a", ("b",), None, (RestoreStep.SAVE, RestoreStep.ETCD))
    assert RestoreProgress.read(memory) == expected
    expected.with_step(RestoreStep.API).store(memory)
    assert RestoreProgress.read(memory).done == (RestoreStep.SAVE, RestoreStep.ETCD, RestoreStep.API)


def test_a_restore_of_the_last_release_that_was_killed_at_its_beginning_has_no_snapshot() -> None:
    # It stored the digest last.
    assert RestoreProgress.read(Memory({"done": [], "revision": None, "token": "0a"})).sha256 == ""


def test_a_step_of_another_version_is_rejected() -> None:
    with pytest.raises(KprovError, match="continue the operation with the version that began it"):
        RestoreProgress.read(Memory({"sha256": "ab", "done": ["polish"]}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"members": []}, ReplaceProgress()),
        ({"members": ["1a"], "erased": True}, ReplaceProgress(("1a",), erased=True)),
    ],
)
def test_a_replacement_of_the_last_release_is_continued(
    values: dict[str, object], expected: ReplaceProgress | None
) -> None:
    assert ReplaceProgress.find(Memory(values)) == expected
