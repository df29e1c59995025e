"""The program that takes snapshots on etcd hosts: what is due, what is kept."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PATH = Path(__file__).parents[3] / "roles/etcd_snapshots/files/etcd_snapshot.py"


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("etcd_snapshot", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def add_snapshot(folder: Path, age: float, revision: int) -> str:
    name = f"etcd-{revision}.db.gz"
    (folder / name).write_bytes(b"")
    record = {"file": name, "time": time.time() - age, "revision": revision, "host": "a"}
    (folder / f"{name}.json").write_text(json.dumps(record))
    return name


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.gz"))


class FakeEtcd:
    """Answers as a member that leads or follows, with the record that is in etcd."""

    def __init__(self, *, leads: bool, record: dict[str, Any] | None = None) -> None:
        self._leader = 1 if leads else 2
        self._record = record

    def read_status(self) -> dict[str, Any]:
        return {"leader": self._leader, "header": {"member_id": 1}}

    def run(self, *_: str) -> str:
        return json.dumps(self._record) if self._record else ""


def test_it_imports_only_the_standard_library(program: ModuleType) -> None:
    names = {name for name, value in vars(program).items() if isinstance(value, ModuleType)}
    assert names
    assert names <= sys.stdlib_module_names


@pytest.mark.parametrize(("text", "seconds"), [("6h", 21600), ("1h30m", 5400), ("90s", 90), ("500ms", 0.5)])
def test_intervals_are_durations(program: ModuleType, text: str, seconds: float) -> None:
    assert program.parse_duration(text) == seconds


def test_only_the_leader_takes_a_snapshot(program: ModuleType, tmp_path: Path) -> None:
    result = program.take_if_due(FakeEtcd(leads=False), {"interval": "1h"}, tmp_path, force=False)
    assert result == {"taken": False, "reason": "this member is not the leader"}


def test_no_snapshot_is_due_if_another_host_took_one(program: ModuleType, tmp_path: Path) -> None:
    etcd = FakeEtcd(leads=True, record={"time": time.time() - 60, "host": "b", "file": "x"})
    result = program.take_if_due(etcd, {"interval": "1h"}, tmp_path, force=False)
    assert result == {"taken": False, "reason": "the last snapshot is 60 s old"}


def test_the_newest_record_may_be_on_this_host_only(program: ModuleType, tmp_path: Path) -> None:
    add_snapshot(tmp_path, 10, 7)
    etcd = FakeEtcd(leads=True, record={"time": time.time() - 60, "host": "b", "file": "x"})
    assert program.find_last_record(etcd, tmp_path)["revision"] == 7


def test_too_many_snapshots_are_removed_the_oldest_first(program: ModuleType, tmp_path: Path) -> None:
    names = [add_snapshot(tmp_path, age, revision) for age, revision in ((30, 1), (20, 2), (10, 3))]
    program.remove_old(tmp_path, 2, 0)
    assert list_files(tmp_path) == names[1:]


def test_old_snapshots_are_removed_but_never_the_newest(program: ModuleType, tmp_path: Path) -> None:
    names = [add_snapshot(tmp_path, age, revision) for age, revision in ((300, 1), (200, 2))]
    program.remove_old(tmp_path, 0, 100)
    assert list_files(tmp_path) == names[1:]
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_a_record_without_its_file_does_not_count(program: ModuleType, tmp_path: Path) -> None:
    (tmp_path / add_snapshot(tmp_path, 10, 1)).unlink()
    assert program.list_records(tmp_path) == []


def test_a_killed_run_leaves_no_work(program: ModuleType, tmp_path: Path) -> None:
    (tmp_path / ".work-abc").mkdir()
    with program.lock_folder(tmp_path):
        assert not (tmp_path / ".work-abc").exists()


def test_a_full_disk_is_noticed_before_the_work(program: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(program.SnapshotError, match="MiB free, and a snapshot needs"):
        program.check_space(tmp_path, 1 << 60)
