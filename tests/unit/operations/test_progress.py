"""Typed records in the journal, also those of the last release, and those of no known one."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from kprov.errors import KprovError
from kprov.operations.phases import Memory
from kprov.operations.progress import Progress
from kprov.playbook.results.journal import EarlierRun, Journal


@dataclass(frozen=True)
class PaintProgress(Progress):
    key: ClassVar[str] = "paint"

    colour: str = ""
    walls: tuple[str, ...] = ()
    coats: dict[str, int] | None = None
    dry: bool = False


def test_an_operation_without_a_record_has_the_defaults() -> None:
    assert PaintProgress.find(Memory({})) is None
    assert PaintProgress.read(Memory({})) == PaintProgress()


def test_a_record_of_defaults_is_one() -> None:
    memory = Memory({})
    PaintProgress().store(memory)
    assert PaintProgress.find(memory) == PaintProgress()


def test_each_host_has_a_record_of_its_own() -> None:
    memory = Memory({})
    PaintProgress("red").store(memory, "a")
    replace(PaintProgress.read(memory, "a"), dry=True).store(memory, "a")
    PaintProgress("blue").store(memory)
    assert PaintProgress.read(memory, "a") == PaintProgress("red", dry=True)
    assert PaintProgress.read(memory) == PaintProgress("blue")
    assert PaintProgress.find(memory, "b") is None


def test_a_resumed_run_reads_the_record_from_the_journal(tmp_path: Path) -> None:
    record = PaintProgress("red", ("north", "south"), {"north": 2})
    memory, journal = Memory({}), Journal(tmp_path)
    memory.attach(journal)
    record.store(memory)
    journal.close()
    assert journal.path is not None
    assert PaintProgress.find(Memory(EarlierRun(journal.path).memory)) == record


def test_a_journal_of_the_last_release_has_a_key_for_each_field() -> None:
    memory = Memory({"colour": "red", "walls": ["north"], "coats": None, "another": 1})
    assert PaintProgress.find(memory) == PaintProgress("red", ("north",))
    PaintProgress("blue").store(memory)
    assert PaintProgress.find(memory) == PaintProgress("blue")


@pytest.mark.parametrize(
    "value",
    [{"colour": 4}, {"dry": 1}, {"dry": "no"}, {"walls": "north"}, {"paused": True}, ["colour"], "colour", 4],
    ids=json.dumps,
)
@pytest.mark.parametrize(
    ("key", "host", "subject"), [("paint", "", "the operation"), ("paint of a", "a", "a")]
)
def test_a_record_of_another_version_is_rejected(key: str, host: str, subject: str, value: Any) -> None:
    text = (
        f"the journal's record of {subject} is not one of this version of kprov: continue the operation with"
    )
    with pytest.raises(KprovError, match=text):
        PaintProgress.find(Memory({key: value}), host)


def test_a_field_of_the_last_release_with_another_type_is_rejected() -> None:
    with pytest.raises(KprovError, match="the journal's record of the operation is not one of this version"):
        PaintProgress.read(Memory({"colour": 4}))
