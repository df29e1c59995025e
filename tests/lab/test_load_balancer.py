"""haproxy in front of real API servers: it leaves those that are gone, and keeps to those that are only slow."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab import api_connection
from tests.lab.conftest import HOSTS, ROOT, Cluster, eventually

_PORT = 9443
_FOLDER = "/run/kprov-test"
_UNIT = "kprov-test-haproxy"
#: A server that does not answer is down after a second.
_FAST = {
    "haproxy_check_interval": "300ms",
    "haproxy_check_fast_interval": "300ms",
    "haproxy_check_down_interval": "300ms",
    "haproxy_check_fall": 2,
}
_SHOW = f"""python3 -c '
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("{_FOLDER}/admin.sock")
s.sendall(b"show stat\\n")
while data := s.recv(65536):
    print(data.decode(), end="")
'"""


class Balancer:
    """A haproxy of the test's own on node1, with the role's template."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder
        self.address = cluster.lab.address("node1"), _PORT
        self.context = api_connection.tls_context(cluster.kubeconfig)

    def start(self, *control_plane: str, **variables: Any) -> None:
        """Run it for these API servers."""
        inventory = yaml.safe_load((self._cluster.lab.inventory / "hosts.yml").read_text())
        inventory["all"]["children"]["kube_control_plane"]["hosts"] = dict.fromkeys(control_plane)
        (self._folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
        roles = ROOT / "roles"
        config = f"{_FOLDER}/haproxy.cfg"
        own_socket = f"sed -i s,/run/haproxy/,{_FOLDER}/, {config}"
        play = {
            "hosts": "node1",
            "gather_facts": False,
            "vars_files": [str(roles / name / "defaults/main.yml") for name in ("kprov_defaults", "haproxy")],
            "tasks": [
                {"file": {"path": _FOLDER, "state": "directory", "mode": "0755"}},
                {"template": {"src": str(ROOT / "templates/haproxy.cfg.j2"), "dest": config, "mode": "0644"}},
                {"command": own_socket},
                {"command": f"systemd-run --unit={_UNIT} haproxy -db -f {config}"},
            ],
        }
        (self._folder / "play.yml").write_text(yaml.safe_dump([play]))
        extra = json.dumps(variables | {"loadbalancer_apiserver_port": _PORT})
        self._cluster.lab.kprov(
            "play", self._folder / "play.yml", "-i", self._folder / "hosts.yml", "-e", extra
        )
        eventually("servers that are up", lambda: "DOWN" not in self.statuses().values())

    def stop(self) -> None:
        """Leave nothing of it."""
        self._cluster.lab.ssh("node1", f"systemctl stop {_UNIT}; rm -rf {_FOLDER}", check=False)

    def statuses(self) -> dict[str, str]:
        """haproxy's word for each server that it checks."""
        return {row["svname"]: row["status"] for row in self._rows() if row["svname"] in HOSTS}

    def sessions(self) -> dict[str, int]:
        """How many each server has now."""
        return {row["svname"]: int(row["scur"]) for row in self._rows() if row["svname"] in HOSTS}

    def _rows(self) -> list[dict[str, str]]:
        text = self._cluster.lab.ssh("node1", _SHOW).removeprefix("# ")
        return [row for row in csv.DictReader(text.splitlines()) if row["pxname"] == "kube-apiservers"]


@pytest.fixture
def balancer(cluster: Cluster, tmp_path: Path) -> Iterator[Balancer]:
    """Not started yet."""
    made = Balancer(cluster, tmp_path)
    try:
        yield made
    finally:
        made.stop()


class Watch:
    """A watch of a namespace's config maps through the balancer."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.said = b""
        self.ended_at = 0.0

    async def follow(self) -> None:
        """Read until it ends."""
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await self._reader.read(65536):
                self.said += data
        self.ended_at = time.monotonic()


@asynccontextmanager
async def watches(balancer: Balancer, namespace: str, count: int) -> AsyncIterator[list[Watch]]:
    """So many, opened one after the other."""
    found: list[Watch] = []
    writers = []
    tasks = []
    path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1"
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(*balancer.address, ssl=balancer.context)
            writers.append(writer)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {balancer.address[0]}\r\n\r\n".encode())
            assert b" 200 " in (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]
            found.append(Watch(reader))
            tasks.append(asyncio.ensure_future(found[-1].follow()))
        yield found
    finally:
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*tasks, *(each.wait_closed() for each in writers), return_exceptions=True)


async def is_answered(balancer: Balancer, seconds: float) -> bool:
    """Whether a new connection gets an answer within that time."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(*balancer.address, ssl=balancer.context)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: api\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError):
        return False


async def until(what: str, look: Any, seconds: float) -> None:
    """Wait for something on this side; the loop goes on."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


@contextlib.contextmanager
def stopped(cluster: Cluster, *hosts: str) -> Iterator[None]:
    """API servers that do not answer: their programs get no time, their kernels go on."""
    try:
        for host in hosts:
            cluster.lab.ssh(host, "systemctl kill --signal=STOP kube-apiserver")
        yield
    finally:
        for host in hosts:
            cluster.lab.ssh(host, "systemctl kill --signal=CONT kube-apiserver")


@contextlib.contextmanager
def silent(cluster: Cluster, host: str) -> Iterator[None]:
    """An API server whose host says nothing to node1 any more, as without power."""
    drop = f"ip saddr {cluster.lab.address(host)} tcp sport 6443 drop"
    add = "add table inet kprov_test; add chain inet kprov_test in { type filter hook input priority -300; };"
    try:
        cluster.lab.ssh("node1", f"nft '{add} add rule inet kprov_test in {drop}'")
        yield
    finally:
        cluster.lab.ssh("node1", "nft delete table inet kprov_test", check=False)


def told_of(cluster: Cluster, namespace: str, name: str) -> None:
    """An event for all watches of a namespace."""
    cluster.kubectl("create", "configmap", name, "-n", namespace)


async def test_a_host_that_falls_silent_costs_clients_two_seconds_at_most(
    cluster: Cluster, namespace: str, balancer: Balancer
) -> None:
    balancer.start(*HOSTS)
    async with watches(balancer, namespace, 6) as found:
        assert balancer.sessions() == dict.fromkeys(HOSTS, 2)
        longest = 0.0
        with silent(cluster, "node2"):
            begin = last = time.monotonic()
            while time.monotonic() < begin + 8:
                if await is_answered(balancer, 1.9):
                    longest = max(longest, time.monotonic() - last)
                    last = time.monotonic()
                await asyncio.sleep(0.1)
            assert balancer.statuses()["node2"].startswith("DOWN")
            ended = sorted(each.ended_at - begin for each in found if each.ended_at)
        longest = max(longest, time.monotonic() - last - 8)
        assert longest <= 2.0, f"no answer for {longest:.2f} s"
        # The other four stay. Without haproxy_dead_host_timeout the kernel sends nine probes, which takes 10 s.
        assert len(ended) == 2
        assert ended[-1] <= 6.0
        told_of(cluster, namespace, "later")
        await until("events", lambda: sum(b'"later"' in each.said for each in found) == 4, 10)


async def test_a_slow_api_server_that_is_the_only_one_is_not_cut_off(
    cluster: Cluster, namespace: str, balancer: Balancer
) -> None:
    balancer.start("node1", **_FAST)
    async with watches(balancer, namespace, 2) as found:
        with stopped(cluster, "node1"):
            late = asyncio.ensure_future(is_answered(balancer, 30))
            await asyncio.sleep(6)
            assert not late.done()
        assert await late
        told_of(cluster, namespace, "later")
        await until("events", lambda: all(b'"later"' in each.said for each in found), 10)


async def test_sessions_with_slow_servers_end_when_another_one_is_up_and_not_before(
    cluster: Cluster, namespace: str, balancer: Balancer
) -> None:
    balancer.start(*HOSTS, **_FAST)
    async with watches(balancer, namespace, 6) as found:
        assert balancer.sessions() == dict.fromkeys(HOSTS, 2)
        with stopped(cluster, "node1", "node3"):
            with stopped(cluster, "node2"):
                await until(
                    "all down",
                    lambda: all(each.startswith("DOWN") for each in balancer.statuses().values()),
                    10,
                )
                late = asyncio.ensure_future(is_answered(balancer, 30))
                await asyncio.sleep(1)
            # Those of node1 and node3 go to node2.
            await until("two that stay", lambda: sum(not each.ended_at for each in found) == 2, 10)
            assert await is_answered(balancer, 5)
        await late
        told_of(cluster, namespace, "later")
        await until("events", lambda: sum(b'"later"' in each.said for each in found) == 2, 10)
