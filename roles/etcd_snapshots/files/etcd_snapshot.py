#!/usr/bin/python3
"""Takes snapshots of etcd and proves each by restoring it. Runs on etcd hosts; standard library, Python 3.9+.

The timer runs `take` on every host. Only the leader works, and only if the cluster's last proven snapshot
is older than the interval: one snapshot per interval for the whole cluster. The program restores it into a
scratch etcd. It counts only if the scratch etcd has its revision, and the same hash of all keys as the live
member. Each snapshot has a record (NAME.json). The newest record of the cluster is also in etcd: RECORD_KEY.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONFIG = "/etc/etcd/snapshots.json"
RECORD_KEY = "/kprov/etcd-snapshots/last"
#: Seconds that a scratch etcd has to load the snapshot.
LOAD_SECONDS = 600
#: A compaction between the hash of the live member and the snapshot makes the hashes differ.
ATTEMPTS = 3
Record = dict[str, Any]


class SnapshotError(Exception):
    """A snapshot could not be taken or proven; the message says why."""


class CompactedError(SnapshotError):
    """The history was compacted while the snapshot was taken: try again."""


class Etcd:
    """The programs of etcd on this host, with the certificates of its member."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.programs = Path(config["programs"])
        self.pki = Path(config["pki"])
        self.endpoint = str(config["endpoint"])
        self.options = [
            f"--cacert={self.pki}/ca.crt",
            f"--cert={self.pki}/healthcheck-client.crt",
            f"--key={self.pki}/healthcheck-client.key",
            f"--dial-timeout={config['dial_timeout']}",
        ]

    def run(self, *arguments: str, endpoint: str = "", timeout: str = "30s") -> str:
        """Run etcdctl and return its standard output."""
        options = [f"--endpoints={endpoint or self.endpoint}", *self.options]
        options.append(f"--command-timeout={timeout}")
        return run_program(str(self.programs / "etcdctl"), *options, *arguments)

    def run_offline(self, *arguments: str) -> str:
        """Run a command on a snapshot file. etcdutl has these commands since etcd 3.5."""
        program = self.programs / "etcdutl"
        return run_program(str(program if program.exists() else self.programs / "etcdctl"), *arguments)

    def read_status(self, endpoint: str = "", timeout: str = "30s") -> dict[str, Any]:
        """Return the status of a member."""
        output = self.run("endpoint", "status", "--write-out=json", endpoint=endpoint, timeout=timeout)
        status: dict[str, Any] = json.loads(output)[0]["Status"]
        return status

    def read_hash(self, revision: int, endpoint: str = "") -> dict[str, Any]:
        """Return the hash of all keys up to a revision, and the revision of the last compaction."""
        output = self.run(
            "endpoint", "hashkv", f"--rev={revision}", "--write-out=json", endpoint=endpoint, timeout="60s"
        )
        document: dict[str, Any] = json.loads(output)[0]["HashKV"]
        return document


def run_program(*command: str) -> str:
    """Run a program; return its standard output. Raises SnapshotError with the end of its standard error."""
    environment = {**os.environ, "ETCDCTL_API": "3"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        program = Path(command[0]).name
        words = [word for word in command[1:] if not word.startswith("-")]
        raise SnapshotError(f"{program} {' '.join(words[:2])}: {lines[-1] if lines else 'no error message'}")
    return done.stdout


def main() -> int:
    """Run a command; print its result as JSON."""
    parser = argparse.ArgumentParser(description="Take and prove snapshots of etcd.")
    parser.add_argument("--config", default=CONFIG)
    commands = parser.add_subparsers(dest="command", required=True)
    take = commands.add_parser("take", help="take a snapshot, prove it, store it")
    take.add_argument("--force", action="store_true", help="also if it is not due, and on any member")
    commands.add_parser("list", help="print the records of this host's snapshots")
    commands.add_parser("status", help="print the newest record of the cluster that this host knows")
    arguments = parser.parse_args()
    config = json.loads(Path(arguments.config).read_text(encoding="utf-8"))
    etcd = Etcd(config)
    folder = Path(config["folder"])
    try:
        if arguments.command == "list":
            result: Any = list_records(folder)
        elif arguments.command == "status":
            result = {"last": find_last_record(etcd, folder)}
        else:
            with lock_folder(folder):
                result = take_if_due(etcd, config, folder, force=arguments.force)
    except (SnapshotError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, sort_keys=True))
    return 0


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Let one process at a time work in the folder; remove what a killed one left."""
    with open(folder / ".lock", "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for path in folder.glob(".work-*"):
            shutil.rmtree(path)
        yield


def take_if_due(etcd: Etcd, config: dict[str, Any], folder: Path, *, force: bool) -> Record:
    """Take a snapshot if this member is the leader and the last one is old enough."""
    if not force:
        status = etcd.read_status()
        if status["leader"] != status["header"]["member_id"]:
            return {"taken": False, "reason": "this member is not the leader"}
        last = find_last_record(etcd, folder)
        age = time.time() - last["time"] if last else float("inf")
        if 0 <= age < parse_duration(config["interval"]):
            return {"taken": False, "reason": f"the last snapshot is {age:.0f} s old"}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            record = take_snapshot(etcd, config, folder)
            break
        except CompactedError:
            if attempt == ATTEMPTS:
                raise
    store_record(etcd, folder, record)
    remove_old(folder, int(config["keep_count"]), int(config["keep_days"]) * 86400)
    return {"taken": True, **record}


def take_snapshot(etcd: Etcd, config: dict[str, Any], folder: Path) -> Record:
    """Take, prove, compress and encrypt a snapshot; return its record."""
    started = time.time()
    check_space(folder, int(etcd.read_status()["dbSize"]))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".work-") as name:
        work = Path(name)
        raw = work / "snapshot.db"
        etcd.run("snapshot", "save", str(raw))
        found = json.loads(etcd.run_offline("snapshot", "status", str(raw), "--write-out=json"))
        revision = int(found["revision"])
        live = etcd.read_hash(revision)
        prove_snapshot(etcd, raw, work, revision, live)
        title = f"etcd-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(started))}-{revision}.db.gz"
        packed = work / "snapshot.gz"
        with open(raw, "rb") as source, gzip.open(packed, "wb", compresslevel=6) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        recipients: list[str] = config["recipients"]
        if recipients:
            title += ".age"
            packed = encrypt_file(packed, work / "snapshot.age", recipients)
        record = {
            "file": title,
            "host": config["host"],
            "time": int(started),
            "revision": revision,
            "keys": int(found["totalKey"]),
            "size": raw.stat().st_size,
            "stored": packed.stat().st_size,
            "hash": int(found["hash"]),
            "hashKV": int(live["hash"]),
            "sha256": hash_file(packed),
            "encrypted": bool(recipients),
            "proven": int(time.time()),
            "seconds": round(time.time() - started, 1),
        }
        sync_file(packed)
        packed.replace(folder / title)
    return record


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as 6h or 1h30m."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)(ms|s|m|h)", text))


def check_space(folder: Path, size: int) -> None:
    """Raise SnapshotError without space for the snapshot, the scratch etcd and the compressed file."""
    free = shutil.disk_usage(folder).free
    needed = 3 * size + (64 << 20)
    if free < needed:
        raise SnapshotError(f"{folder} has {free >> 20} MiB free, and a snapshot needs {needed >> 20} MiB")


def prove_snapshot(etcd: Etcd, raw: Path, work: Path, revision: int, live: dict[str, Any]) -> None:
    """Restore the snapshot into a scratch etcd; compare revision and hash. Raises SnapshotError."""
    client, peer = find_free_ports(2)
    data = work / "scratch"
    peer_url = f"https://127.0.0.1:{peer}"
    etcd.run_offline(
        "snapshot",
        "restore",
        str(raw),
        f"--data-dir={data}",
        "--name=scratch",
        f"--initial-cluster=scratch={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        "--initial-cluster-token=scratch",
    )
    with run_scratch(etcd, data, client, peer) as endpoint:
        restored = int(etcd.read_status(endpoint)["header"]["revision"])
        if restored != revision:
            raise SnapshotError(f"the restored etcd has revision {restored}, the snapshot {revision}")
        again = etcd.read_hash(revision, endpoint)
    # The live member was hashed after the snapshot was taken, and may have been compacted in between.
    if again.get("compact_revision") != live.get("compact_revision"):
        raise CompactedError("etcd was compacted while the snapshot was taken")
    if again["hash"] != live["hash"]:
        raise SnapshotError(
            f"at revision {revision} the hash is {again['hash']}, that of the live member {live['hash']}"
        )


@contextlib.contextmanager
def run_scratch(etcd: Etcd, data: Path, client: int, peer: int) -> Iterator[str]:
    """Run an etcd of one member on loopback ports; only clients with a certificate can read it."""
    endpoint = f"https://127.0.0.1:{client}"
    pki = etcd.pki
    command = [
        str(etcd.programs / "etcd"),
        "--name=scratch",
        f"--data-dir={data}",
        f"--listen-client-urls={endpoint}",
        f"--advertise-client-urls={endpoint}",
        f"--listen-peer-urls=https://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=https://127.0.0.1:{peer}",
        f"--initial-cluster=scratch=https://127.0.0.1:{peer}",
        "--client-cert-auth",
        "--peer-client-cert-auth",
        "--quota-backend-bytes=17179869184",
        "--log-level=error",
    ]
    for prefix, name in (("", "server"), ("peer-", "peer")):
        command += [f"--{prefix}cert-file={pki}/{name}.crt", f"--{prefix}key-file={pki}/{name}.key"]
        command.append(f"--{prefix}trusted-ca-file={pki}/ca.crt")
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for_scratch(etcd, process, endpoint, log)
            yield endpoint
        finally:
            process.kill()
            process.wait()


def wait_for_scratch(etcd: Etcd, process: subprocess.Popen[bytes], endpoint: str, log: Any) -> None:
    """Wait until the scratch etcd has elected itself. Raises SnapshotError."""
    deadline = time.monotonic() + LOAD_SECONDS
    while True:
        if process.poll() is not None:
            log.seek(0)
            lines = log.read().strip().splitlines() or ["no output"]
            raise SnapshotError(f"the scratch etcd exited with {process.returncode}: {lines[-1]}")
        try:
            if etcd.read_status(endpoint, "5s").get("leader"):
                return
        except SnapshotError as error:
            if time.monotonic() > deadline:
                raise SnapshotError(f"the scratch etcd did not start in {LOAD_SECONDS} s: {error}") from None
        time.sleep(0.2)


def find_free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def encrypt_file(source: Path, target: Path, recipients: list[str]) -> Path:
    """Encrypt a file with age for the operator's public keys. This host cannot decrypt it."""
    if shutil.which("age") is None:
        raise SnapshotError("etcd_snapshot_age_recipients needs the program age, which is not installed")
    options = [f"--recipient={recipient}" for recipient in recipients]
    run_program("age", *options, f"--output={target}", str(source))
    return target


def hash_file(path: Path) -> str:
    """Return the SHA-256 sum of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


def sync_file(path: Path) -> None:
    """Write a file's data to the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def store_record(etcd: Etcd, folder: Path, record: Record) -> None:
    """Write the record beside its snapshot and into etcd, where all members see it."""
    path = folder / f"{record['file']}.json"
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    sync_file(aside)
    aside.replace(path)
    try:
        etcd.run("put", RECORD_KEY, json.dumps(record))
    except SnapshotError as error:
        # A full etcd rejects it. This host still has its record.
        print(f"warning: the record is only on this host: {error}", file=sys.stderr)


def list_records(folder: Path) -> list[Record]:
    """Return the records of the snapshots that are there, the oldest first."""
    records = []
    for path in folder.glob("etcd-*.json"):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if (folder / record["file"]).is_file():
            records.append(record)
    return sorted(records, key=lambda record: (record["time"], record["revision"]))


def find_last_record(etcd: Etcd, folder: Path) -> Record | None:
    """Return the newest record of those on this host and in etcd."""
    records = list_records(folder)
    with contextlib.suppress(SnapshotError, ValueError):
        text = etcd.run("get", RECORD_KEY, "--print-value-only", "--consistency=s")
        if text.strip():
            records.append(json.loads(text))
    return max(records, key=lambda record: int(record["time"]), default=None)


def remove_old(folder: Path, count: int, seconds: int) -> None:
    """Remove snapshots that are too many or too old, but never the newest one. 0: no limit."""
    records = list_records(folder)
    for number, record in enumerate(reversed(records)):
        is_old = seconds > 0 and time.time() - record["time"] > seconds
        if number > 0 and ((count > 0 and number >= count) or is_old):
            (folder / record["file"]).unlink()
            (folder / f"{record['file']}.json").unlink()


if __name__ == "__main__":
    sys.exit(main())
