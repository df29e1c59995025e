"""client-go as Debian packages it, in a small controller (informer/main.go), against this server unchanged."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.apiserver.clients.debian_go import build
from tests.apiserver.conformance.calls import eventually
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer, running

#: On a busy machine a leader may be late to renew; who is not heard of for two thirds of it gives up.
LEASE = "9s"
OBJECTS = 200
NAMES = [f"object-{number}" for number in range(OBJECTS)]
MERGE = "application/merge-patch+json"


@pytest.fixture(scope="module")
def program() -> Path:
    return build(Path(__file__).with_name("informer"))


@pytest.fixture(scope="module")
def server(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with running(tmp_path_factory.mktemp("server"), "--disable-admission-plugins=ServiceAccount") as found:
        yield found[1]


class Candidate:
    """A process of the program, and what it has said."""

    def __init__(self, program: Path, server: ApiServer, namespace: str, identity: str, lease: str) -> None:
        self._out = server.folder / f"{namespace}-{identity}.out"
        self._errors = server.folder / f"{namespace}-{identity}.err"
        command = [
            str(program), f"--kubeconfig={kubeconfig(server)}", f"--namespace={namespace}",
            f"--identity={identity}", f"--lease={lease}",
        ]  # fmt: skip
        with self._out.open("wb") as out, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=out, stderr=errors)

    def lines(self, word: str) -> list[str]:
        """What follows the word in the lines that begin with it."""
        said = self._out.read_text().splitlines()
        return [line.partition(" ")[2] for line in said if line.partition(" ")[0] == word]

    def errors(self) -> str:
        return self._errors.read_text()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


@contextlib.contextmanager
def candidate(
    program: Path, server: ApiServer, namespace: str, identity: str, lease: str = "60s"
) -> Iterator[Candidate]:
    found = Candidate(program, server, namespace, identity, lease)
    try:
        yield found
    finally:
        found.stop()


def new_namespace(server: ApiServer, name: str) -> str:
    assert server.post("/api/v1/namespaces", {"metadata": {"name": name}}).status == 201
    return f"/api/v1/namespaces/{name}/configmaps"


def all_at_once(server: ApiServer, method: str, path: str, value: str = "", names: list[str] = NAMES) -> None:
    def one(name: str) -> None:
        if method == "POST":
            body = {"metadata": {"name": name, "labels": {"watched": "yes"}}, "data": {"value": value}}
            answer = server.post(path, body)
        elif method == "PATCH":
            answer = server.ask(method, f"{path}/{name}", {"data": {"value": value}}, content_type=MERGE)
        else:
            answer = server.ask(method, f"{path}/{name}")
        assert answer.status in {200, 201}, answer.body

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, names))


def test_an_informer_sees_all_adds_updates_and_deletes_though_the_server_restarts(
    program: Path, server: ApiServer
) -> None:
    path = new_namespace(server, "informed")
    server.post(path, {"metadata": {"name": "other"}})
    all_at_once(server, "POST", path, "1", NAMES[:100])
    with candidate(program, server, "informed", "only") as only:
        assert eventually(lambda: only.lines("synced") == ["100"])
        all_at_once(server, "POST", path, "1", NAMES[100:])
        assert eventually(lambda: len(only.lines("settled")) >= OBJECTS)
        # Changes before, and right after, with the watch broken in between.
        all_at_once(server, "PATCH", path, "2", NAMES[:150])
        server.stop()
        server.start()
        all_at_once(server, "PATCH", path, "2", NAMES[150:])
        assert eventually(lambda: set(only.lines("settled")) >= {f"{name} 2" for name in NAMES})
        all_at_once(server, "DELETE", path)
        assert eventually(lambda: set(only.lines("gone")) == set(NAMES))
        adds = Counter(line.partition(" ")[0] for line in only.lines("add"))
        deletes = Counter(only.lines("delete"))
        updates = Counter(only.lines("update"))
        assert adds == deletes == dict.fromkeys(NAMES, 1)
        assert updates == {f"{name} 2": 1 for name in NAMES}
        assert Counter(line.partition("=")[2] for line in only.lines("add")) == {"true": 100, "false": 100}
        assert only.lines("stopped") == []
        # What client-go cannot decode or does not expect, it says so.
        assert "Unhandled Error" not in only.errors()


def test_one_of_two_leads_and_the_other_takes_over(program: Path, server: ApiServer) -> None:
    path = new_namespace(server, "led")
    lease = "/apis/coordination.k8s.io/v1/namespaces/led/leases/informer"
    with (
        candidate(program, server, "led", "first", LEASE) as first,
        candidate(program, server, "led", "second", LEASE) as second,
    ):
        both = {"first": first, "second": second}
        (leader,) = eventually(lambda: [name for name, each in both.items() if each.lines("synced")])
        (follower,) = both.keys() - {leader}
        assert eventually(lambda: both[follower].lines("leader") == [leader])
        all_at_once(server, "POST", path, "1", NAMES[:20])
        assert eventually(lambda: len(both[leader].lines("settled")) == 20)
        assert both[follower].lines("leading") == []
        os.kill(both[leader].process.pid, signal.SIGKILL)
        assert eventually(lambda: both[follower].lines("leading") == [follower])
        all_at_once(server, "PATCH", path, "2", NAMES[:20])
        assert eventually(
            lambda: set(both[follower].lines("settled")) >= {f"{name} 2" for name in NAMES[:20]}
        )
        spec = server.get(lease).json["spec"]
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == (follower, 1)
        assert both[follower].stop() == 0
        assert json.loads(server.get(lease).body)["spec"]["holderIdentity"] == ""
