"""A snapshot whose revision kprov raised is one that etcd restores, serves, defragments and compacts."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kprov.operations.etcd.raised_revision import FOLDER, raise_revision
from tests.apiserver.etcd_program import etcd, etcdctl
from tests.apiserver.servers import WITH_US, free_port

SNAPSHOT = Path(__file__).parents[1] / "unit/operations/etcd/snapshot.db.gz"
KEYS = 191
RAISED = 1_700_000_000_000
_START_SECONDS = 20.0

Ctl = Callable[..., str]


def run_etcdctl(*arguments: str) -> str:
    environment = os.environ | {"ETCDCTL_API": "3"}
    return subprocess.run(
        [str(etcdctl()), *arguments], check=True, capture_output=True, text=True, env=environment
    ).stdout


@pytest.fixture(params=[1, 100], ids=["in its page", "with new pages"])
def restored(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ctl]:
    """etcdctl for an etcd with the restored snapshot, whose revision was raised one or more times."""
    file = tmp_path / "snapshot.db"
    file.write_bytes(gzip.decompress(SNAPSHOT.read_bytes()))
    for number in range(request.param):
        raise_revision(file, file, RAISED + number)
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    folder = tmp_path / "data"
    members = (f"--initial-cluster=default={peer}", f"--initial-advertise-peer-urls={peer}")
    run_etcdctl("snapshot", "restore", str(file), f"--data-dir={folder}", *members)
    options = (
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*WITH_US, str(etcd()), f"--data-dir={folder}", *options, *members], stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + _START_SECONDS
            while True:
                try:
                    run_etcdctl(f"--endpoints={client}", "endpoint", "health")
                    break
                except subprocess.CalledProcessError:
                    assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-2000:]
            yield lambda *arguments: run_etcdctl(f"--endpoints={client}", *arguments)
        finally:
            process.kill()
            process.wait()
    assert "panic" not in (tmp_path / "log").read_text()


def count(ctl: Ctl, prefix: str) -> int:
    return len(ctl("get", prefix, "--prefix", "--keys-only").split())


def test_etcd_serves_a_raised_snapshot(restored: Ctl) -> None:
    status = json.loads(restored("endpoint", "status", "-w", "json"))[0]["Status"]
    restores = count(restored, FOLDER)
    assert status["header"]["revision"] == RAISED + restores - 1
    assert count(restored, "/registry/") == KEYS
    secret = json.loads(restored("get", "/registry/secrets/default/a", "-w", "json"))["kvs"][0]
    assert secret["mod_revision"] == 303
    for number in range(100):
        restored("put", f"/x/{number}", "y" * 500)
    hashed = restored("endpoint", "hashkv")
    restored("defrag")
    assert restored("endpoint", "hashkv") == hashed
    restored("compact", str(RAISED + restores), "--physical")
    assert count(restored, "/registry/") == KEYS
    assert count(restored, "/x/") == 100
