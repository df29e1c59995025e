"""Snapshots are sent to an S3-compatible store once each, with a signature that Amazon's examples have, too."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parents[3] / "roles/etcd_snapshots/files/etcd_snapshot_store.py"
_SPEC = importlib.util.spec_from_file_location("etcd_snapshot_store", PATH)
assert _SPEC
assert _SPEC.loader
program: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(program)

#: The keys of the examples in Amazon S3's API reference.
KEYS = {
    "access_key": "AKIAIOSFODNN7EXAMPLE",
    "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "region": "us-east-1",
}


class Store(http.server.BaseHTTPRequestHandler):
    """Keeps what is put; rejects what has another signature."""

    objects: dict[str, bytes]
    reject: bool

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        names = re.search(r"SignedHeaders=([^,]+)", self.headers["authorization"])
        assert names
        signed = {name: self.headers[name] for name in names[1].split(";")}
        good = self.headers["authorization"] == program.sign_request(KEYS, "PUT", self.path, "", signed)
        good &= signed["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
        if self.reject or not good:
            self.send_error(403, "Forbidden")
            return
        self.objects[self.path] = body
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


@pytest.fixture
def store() -> Iterator[tuple[str, type[Store]]]:
    """The URL of a store, and what it has."""
    handler = type("Handler", (Store,), {"objects": {}, "reject": False})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/bucket/my cluster", handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def config(tmp_path: Path, store: tuple[str, type[Store]]) -> dict[str, Any]:
    """The configuration of a host with two snapshots."""
    for number in (1, 2):
        (tmp_path / f"etcd-{number}.db.gz").write_bytes(b"x" * number)
        (tmp_path / f"etcd-{number}.db.gz.json").write_text("{}")
    return {**KEYS, "url": store[0], "folder": str(tmp_path), "ca": ""}


def test_the_signature_is_that_of_amazons_example() -> None:
    headers = {
        "date": "Fri, 24 May 2013 00:00:00 GMT",
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-content-sha256": hashlib.sha256(b"Welcome to Amazon S3.").hexdigest(),
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    assert program.sign_request(KEYS, "PUT", "/test%24file.text", "", headers).endswith(
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )


def test_the_signature_of_a_query_is_that_of_amazons_example() -> None:
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-content-sha256": hashlib.sha256().hexdigest(),
        "x-amz-date": "20130524T000000Z",
    }
    query = program.encode_query({"prefix": "J", "max-keys": "2"})
    assert program.sign_request(KEYS, "GET", "/", query, headers).endswith(
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )


@pytest.mark.parametrize("name", ["../etc/passwd", "etcd-1.db.gz/../x", "etcd-1.db", "etcd-1.db.gz.json", ""])
def test_only_names_of_snapshots_are_requested(name: str) -> None:
    with pytest.raises(program.StoreError, match="is not the name of a snapshot"):
        program.read_record({}, name)


def test_each_snapshot_is_sent_once_with_its_record(
    config: dict[str, Any], store: tuple[str, type[Store]], tmp_path: Path
) -> None:
    assert program.upload_new(config) == ["etcd-1.db.gz", "etcd-2.db.gz"]
    names = [f"/bucket/my%20cluster/etcd-{number}.db.gz{end}" for number in (1, 2) for end in ("", ".json")]
    assert list(store[1].objects) == names
    assert store[1].objects[names[2]] == b"xx"
    store[1].objects.clear()
    assert program.upload_new(config) == []
    (tmp_path / "etcd-3.db.gz").write_bytes(b"new")
    (tmp_path / "etcd-3.db.gz.json").write_text("{}")
    assert program.upload_new(config) == ["etcd-3.db.gz"]


def test_another_store_gets_all_again(config: dict[str, Any]) -> None:
    program.upload_new(config)
    assert program.upload_new(config | {"url": config["url"] + "2"}) == ["etcd-1.db.gz", "etcd-2.db.gz"]


def test_a_rejected_snapshot_is_an_error_and_sent_by_the_next_run(
    config: dict[str, Any], store: tuple[str, type[Store]], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    monkeypatch.setattr("sys.argv", ["program", "--config", str(file), "upload"])
    store[1].reject = True
    assert program.main() == 1
    assert "the store rejected /bucket/my cluster/etcd-1.db.gz: 403 Forbidden" in capsys.readouterr().err
    store[1].reject = False
    assert program.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        f"stored etcd-{number}.db.gz in {config['url']}" for number in (1, 2)
    ]
