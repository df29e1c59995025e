"""A store for objects with S3's protocol, which checks signatures: rclone serves a folder."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kprov.pki import issue
from kprov.pki.table import CertificateSpec

RCLONE = Path(sys.executable).parent / "rclone"
ACCESS_KEY = "kprov-test-access-key"
SECRET_KEY = "kprov/test+secret=key"


@dataclass(frozen=True)
class ObjectStore:
    """A running store with one bucket. `authority`: the file with that of its certificate."""

    url: str
    bucket: Path
    authority: Path


@contextmanager
def run_object_store(folder: Path, address: str = "127.0.0.1") -> Iterator[ObjectStore]:
    """Serve FOLDER/store until the block ends."""
    bucket = folder / "store" / "backups"
    bucket.mkdir(parents=True)
    now = datetime.now(UTC)
    issuer_key, key = issue.new_key(), issue.new_key()
    issuer = issue.new_authority("authority of the store", issuer_key, now)
    spec = CertificateSpec("store", "ca", "store", sans=(address,), server=True, client=False)
    own = issue.issue_certificate(spec, key, issuer, issuer_key, now)
    authority, certificate, key_file = (folder / name for name in ("store-ca.crt", "store.crt", "store.key"))
    authority.write_bytes(issue.certificate_pem(issuer))
    certificate.write_bytes(issue.certificate_pem(own))
    key_file.write_bytes(issue.key_pem(key))
    with socket.create_server((address, 0)) as listener:
        port = listener.getsockname()[1]
    options = [
        "--config=/dev/null",
        f"--auth-key={ACCESS_KEY},{SECRET_KEY}",
        f"--addr={address}:{port}",
        f"--cert={certificate}",
        f"--key={key_file}",
    ]
    with open(folder / "store.log", "wb") as log:
        process = subprocess.Popen([RCLONE, "serve", "s3", *options, bucket.parent], stdout=log, stderr=log)
    try:
        _wait_until_it_listens(process, address, port, folder / "store.log")
        yield ObjectStore(f"https://{address}:{port}/{bucket.name}", bucket, authority)
    finally:
        process.kill()
        process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], address: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
