"""An etcd of three members as processes of this machine, TLS between them and to them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kprov.kube.apiserver.storage.etcd3.client import Client, TlsFiles
from kprov.kube.apiserver.storage.etcd3.etcd3 import Etcd3
from tests.apiserver.etcd.relay import Relay, relay
from tests.apiserver.etcd_program import etcd, etcdctl
from tests.apiserver.servers import WITH_US, ApiServer, Authority, Keys, free_port

MEMBERS = 3
_SECONDS = 30.0


class Member:
    """One member: a process that can be killed, stopped for a while and started over its data."""

    def __init__(self, folder: Path, number: int, peers: Sequence[int], tls: TlsFiles) -> None:
        self.number = number
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        urls = [f"https://127.0.0.1:{port}" for port in peers]
        name = f"m{number}"
        self._log = folder / f"{name}.log"
        self._command = [
            *WITH_US, str(etcd()), f"--name={name}", f"--data-dir={folder / name}",
            f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={urls[number]}", f"--initial-advertise-peer-urls={urls[number]}",
            f"--initial-cluster={','.join(f'm{index}={url}' for index, url in enumerate(urls))}",
            f"--cert-file={tls.certificate}", f"--key-file={tls.key}", f"--trusted-ca-file={tls.ca}",
            f"--peer-cert-file={tls.certificate}", f"--peer-key-file={tls.key}",
            f"--peer-trusted-ca-file={tls.ca}", "--client-cert-auth", "--peer-client-cert-auth",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            environment = os.environ | {"ETCD_UNSUPPORTED_ARCH": "arm64"}
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        if number is signal.SIGKILL:
            self._process.wait(20)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)


class Cluster:
    """All members. `keys`: what stands in it, by every member."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder, "etcd-ca")
        certificate, key = authority.issue("etcd", "etcd", serves=True, asks=True)
        self.tls = TlsFiles(str(authority.file), str(certificate), str(key))
        peers = [free_port() for _ in range(MEMBERS)]
        self.members = [Member(folder, number, peers, self.tls) for number in range(MEMBERS)]
        self.keys = Keys(",".join(member.url for member in self.members), self.tls)

    def start(self) -> None:
        for member in self.members:
            member.start()
        self.leader()

    def stop(self) -> None:
        for member in self.members:
            member.stop()

    def leader(self) -> Member:
        """The member that leads, as soon as those that answer agree on one."""
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            found = self._statuses()
            leading = [
                number
                for number, status in found.items()
                if status["header"]["member_id"] == status["leader"]
            ]
            if len(leading) == 1 and len(found) > 1:
                return self.members[leading[0]]
            time.sleep(0.1)
        raise TimeoutError("etcd has no leader")

    def follower(self) -> Member:
        leader = self.leader()
        return next(member for member in self.members if member is not leader)

    def move_leader(self) -> Member:
        """Give the lead to another member; that one."""
        leader = self.leader()
        statuses = self._statuses()
        other = next(number for number in statuses if self.members[number] is not leader)
        target = f"{statuses[other]['header']['member_id']:x}"
        self._ctl(leader, "move-leader", target)
        return self.members[other]

    async def forget(self) -> None:
        """Compact to what is now."""
        storage = Etcd3(Client([member.url for member in self.members], self.tls))
        try:
            await storage.compact(await storage.current_revision())
        finally:
            await storage.close()

    def _statuses(self) -> dict[int, Any]:
        """What each member that answers says of itself, by number."""
        found = {}
        for member in self.members:
            done = self._ctl(member, "endpoint", "status", "--write-out=json", check=False)
            if done.returncode == 0:
                found[member.number] = json.loads(done.stdout)[0]["Status"]
        return found

    def _ctl(self, member: Member, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        files = (f"--cacert={self.tls.ca}", f"--cert={self.tls.certificate}", f"--key={self.tls.key}")
        times = ("--dial-timeout=1s", "--command-timeout=1s")
        command = [str(etcdctl()), f"--endpoints={member.url}", *files, *times, *words]
        environment = os.environ | {"ETCDCTL_API": "3", "ETCD_UNSUPPORTED_ARCH": "arm64"}
        return subprocess.run(command, capture_output=True, text=True, check=check, env=environment)


class Front:
    """An API server whose ways to the members can be cut, each."""

    def __init__(self, server: ApiServer, ways: Sequence[Relay]) -> None:
        self.server = server
        self.ways = ways

    def cut(self, *numbers: int) -> None:
        """From these members; from all when none is named."""
        for number in numbers or range(MEMBERS):
            self.ways[number].cut()

    def mend(self) -> None:
        for way in self.ways:
            way.mend()


@contextlib.contextmanager
def front(
    cluster: Cluster, folder: Path, *flags: str, program: Sequence[str] = (), workers: int = 1
) -> Iterator[Front]:
    """A running API server over the cluster."""
    folder.mkdir()
    tls = cluster.tls
    files = (f"--etcd-cafile={tls.ca}", f"--etcd-certfile={tls.certificate}", f"--etcd-keyfile={tls.key}")
    with contextlib.ExitStack() as stack:
        ways = [stack.enter_context(relay(member.port)) for member in cluster.members]
        keys = Keys(",".join(f"https://127.0.0.1:{way.port}" for way in ways), tls)
        server = ApiServer(folder, keys, *files, *flags, program=program)
        server.environment = {"KPROV_APISERVER_WORKERS": str(workers)}
        try:
            yield Front(server.start(), ways)
        finally:
            for way in ways:
                way.mend()
            server.stop()
