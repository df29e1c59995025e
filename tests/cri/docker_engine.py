"""A Docker Engine of its own, in a temporary folder: its data, its sockets, no bridge, no firewall rules."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

_START_SECONDS = 60
_STOP_SECONDS = 30


def find_missing() -> str | None:
    """Return why no engine can run here."""
    if os.geteuid():
        return "needs root"
    for program in ("dockerd", "busybox"):
        if shutil.which(program) is None:
            return f"needs the program {program} (Debian: docker.io, busybox-static)"
    if (
        subprocess.run(["ldd", str(shutil.which("busybox"))], capture_output=True, check=False).returncode
        == 0
    ):
        return "needs a busybox without shared libraries (Debian: busybox-static)"
    return None


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


class DockerEngine:
    """A running engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "docker.sock"
        self.log = folder / "dockerd.log"

    def request(self, method: str, target: str, body: bytes = b"", kind: str = "application/json") -> Any:
        """Return the decoded response, its text if it is not JSON."""
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, target, body or None, {"Content-Type": kind})
            response = connection.getresponse()
            text = response.read()
            assert response.status < 400, f"{method} {target}: {response.status} {text!r}"
        finally:
            connection.close()
        with contextlib.suppress(ValueError):
            return json.loads(text)
        return text.decode()

    def import_image(self, reference: str, content: bytes, command: Sequence[str]) -> None:
        """Make an image of an archive of its files."""
        name, _, tag = reference.rpartition(":")
        parameters = {"fromSrc": "-", "repo": name, "tag": tag, "changes": f"CMD {json.dumps(list(command))}"}
        self.request("POST", f"/images/create?{urlencode(parameters)}", content, "application/x-tar")

    def remove_containers(self) -> None:
        """Kill and remove all of them."""
        for container in self.request("GET", "/containers/json?all=1"):
            with contextlib.suppress(AssertionError):
                self.request("DELETE", f"/containers/{container['Id']}?force=1&v=1")


def make_busybox_archive() -> bytes:
    """Return an archive with a static busybox as the usual programs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("bin", "etc", "tmp", "dev", "proc", "sys"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        archive.add(os.path.realpath(str(shutil.which("busybox"))), "bin/busybox")
        names = [
            "sh",
            "sleep",
            "cat",
            "echo",
            "id",
            "env",
            "ls",
            "touch",
            "ip",
            "hostname",
            "ps",
            "mkdir",
            "grep",
            "head",
            "mount",
            "kill",
            "stat",
            "test",
            "true",
            "wc",
            "nc",
            "dd",
            "tr",
        ]
        for name in names:
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
        users = b"root:x:0:0:root:/:/bin/sh\nsomebody:x:1234:1234::/:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(users)
        archive.addfile(entry, io.BytesIO(users))
    return buffer.getvalue()


@contextlib.contextmanager
def start_engine(folder: Path) -> Iterator[DockerEngine]:
    """Start a dockerd, which starts a containerd, and end both."""
    engine = DockerEngine(folder)
    configuration = folder / "daemon.json"
    configuration.write_text("{}", encoding="utf-8")
    command = [
        "dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--host=unix://{engine.socket}",
        f"--pidfile={folder}/docker.pid", f"--config-file={configuration}", "--bridge=none", "--iptables=false",
        "--ip-masq=false", "--ip6tables=false", "--ip-forward=false",
    ]  # fmt: skip
    with engine.log.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(engine):
            assert process.poll() is None, engine.log.read_text()[-3000:]
            assert time.monotonic() < deadline, engine.log.read_text()[-3000:]
            time.sleep(0.1)
        yield engine
        engine.remove_containers()
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unmount_all(folder: Path) -> None:
    """Unmount what a dockerd leaves below a folder: the network namespace of the host."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    for point in reversed(points):
        if point.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", point], check=False)


def _answers(engine: DockerEngine) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
        return bool(engine.request("GET", "/_ping") == "OK")
    return False
