"""Copies of snapshots in an S3-compatible store, with rclone as the store."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kprov.errors import KprovError
from kprov.operations.etcd.snapshot_copies import choose_snapshot, fetch_missing, fetch_snapshot, remove_old
from kprov.operations.etcd.snapshot_store import PROGRAM, StoreSnapshots
from tests.object_store import ACCESS_KEY, SECRET_KEY, ObjectStore, run_object_store

_SPEC = importlib.util.spec_from_file_location("etcd_snapshot_store", PROGRAM)
assert _SPEC
assert _SPEC.loader
program: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(program)

SNAPSHOT = Path(__file__).parents[1] / "unit/operations/etcd/snapshot.db.gz"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with run_object_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def config(store: ObjectStore, tmp_path: Path) -> dict[str, str]:
    """The configuration of a host with an own folder in the store."""
    (tmp_path / "snapshots").mkdir()
    return {
        "url": f"{store.url}/clusters of {tmp_path.name}/a+b",
        "region": "eu-central-1",
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
        "ca": str(store.authority),
        "folder": str(tmp_path / "snapshots"),
    }


def add_snapshot(folder: Path, number: int) -> str:
    name = f"etcd-2026010{number}T030405Z-{number}.db.gz"
    content = SNAPSHOT.read_bytes()
    (folder / name).write_bytes(content)
    record = {
        "file": name, "host": "node1", "time": number, "proven": number, "revision": number, "keys": 1,
        "size": 1, "stored": len(content), "sha256": hashlib.sha256(content).hexdigest(),
        "encrypted": False, "seconds": 0.5,
    }  # fmt: skip
    (folder / f"{name}.json").write_text(json.dumps(record))
    return name


def upload(config: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the program as a host does."""
    command = [sys.executable, "-I", str(PROGRAM), "--config=-", "upload"]
    return subprocess.run(command, input=json.dumps(config), capture_output=True, text=True, check=False)


def test_a_snapshot_comes_back_as_it_was(config: dict[str, str], tmp_path: Path) -> None:
    names = [add_snapshot(Path(config["folder"]), number) for number in (2, 1)]
    assert upload(config).stdout.count("stored etcd-") == 2
    source = StoreSnapshots(config)
    found = source.list_snapshots()
    assert [snapshot.file for snapshot in found] == names[::-1]
    path = fetch_snapshot(source, choose_snapshot(found, ""), tmp_path / "got.db.gz")
    assert path.read_bytes() == SNAPSHOT.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_gets_what_it_lacks_and_keeps_the_newest(config: dict[str, str], tmp_path: Path) -> None:
    names = [add_snapshot(Path(config["folder"]), number) for number in range(1, 5)]
    upload(config)
    source = StoreSnapshots(config)
    found = source.list_snapshots()
    copies = tmp_path / "copies"
    assert [path.name for path in fetch_missing(source, found[:3], copies)] == names[:3]
    assert [path.name for path in fetch_missing(source, found, copies)] == names[3:]
    (copies / "notes.txt").write_text("mine")
    assert [path.name for path in remove_old(copies, 2)] == names[:2]
    assert sorted(path.name for path in copies.iterdir()) == [*names[2:], "notes.txt"]


def test_a_snapshot_without_its_record_does_not_count(config: dict[str, str]) -> None:
    program.put_file(config, Path(config["folder"]) / add_snapshot(Path(config["folder"]), 1))
    assert list(program.list_names(config)) == ["etcd-20260101T030405Z-1.db.gz"]
    assert StoreSnapshots(config).list_snapshots() == []


def test_a_damaged_object_is_not_fetched(config: dict[str, str], store: ObjectStore, tmp_path: Path) -> None:
    name = add_snapshot(Path(config["folder"]), 1)
    upload(config)
    source = StoreSnapshots(config)
    next(store.bucket.rglob(f"*{tmp_path.name}/a+b/{name}")).write_bytes(b"damaged")
    with pytest.raises(KprovError, match="has the SHA-256 sum"):
        fetch_snapshot(source, source.list_snapshots()[0], tmp_path / "got.db.gz")
    assert list(tmp_path.glob("*got*")) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"secret_key": "another-secret-key-of-somebody"}, "403 Forbidden: SignatureDoesNotMatch"),
        ({"access_key": "somebody-else-entirely"}, "403 Forbidden: InvalidAccessKeyId"),
        ({"ca": ""}, "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_what_the_store_rejects_is_an_error(
    config: dict[str, str], change: dict[str, str], message: str
) -> None:
    add_snapshot(Path(config["folder"]), 1)
    done = upload(config | change)
    assert done.returncode == 1
    assert message in done.stderr
    assert config["url"] in done.stderr
    with pytest.raises(KprovError, match=message):
        StoreSnapshots(config | change).list_snapshots()


def test_the_reason_is_known_if_the_store_closes_the_connection_before_it_reads_the_file(
    config: dict[str, str],
) -> None:
    name = add_snapshot(Path(config["folder"]), 1)
    (Path(config["folder"]) / name).write_bytes(bytes(32 << 20))
    done = upload(config | {"secret_key": "another-secret-key-of-somebody"})
    assert done.returncode == 1
    assert "403 Forbidden: SignatureDoesNotMatch" in done.stderr


def test_a_missing_bucket_and_a_dead_store_are_errors(config: dict[str, str]) -> None:
    url = config["url"].replace("/backups/", "/other-bucket/")
    with pytest.raises(KprovError, match="404 Not Found: NoSuchBucket"):
        StoreSnapshots(config | {"url": url}).list_snapshots()
    with pytest.raises(KprovError, match="Connection refused"):
        StoreSnapshots(config | {"url": "https://127.0.0.1:1/bucket"}).list_snapshots()


def test_many_objects_are_listed_in_pages(config: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    names = [add_snapshot(Path(config["folder"]), number) for number in range(1, 4)]
    upload(config)
    monkeypatch.setattr(program, "PAGE", 2)
    assert [record["file"] for record in program.list_records(config)] == names
