"""A client that wants its small answers soon, beside twenty hostile ones.

`python -m tests.apiserver.abuse.small_client [SECONDS]` starts a server and prints how long the answers took.
KPROV_TEST_APISERVER names another server, such as that of an older commit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.servers import TESTED, WITH_US, ApiServer, Connection, running

MAPS: Final = "/api/v1/namespaces/default/configmaps"
PODS: Final = "/api/v1/namespaces/default/pods"
KINDS: Final = ("cached read", "read", "write")
FLAG: Final = "--disable-admission-plugins=ServiceAccount"
_PERIOD_SECONDS: Final = 0.1


def read_wait(thread: Path) -> float:
    """The seconds that a thread that could run waited for a CPU, by the kernel's statistics."""
    return int((thread / "schedstat").read_text().split()[1]) / 1e9


@dataclass(frozen=True, slots=True)
class Answer:
    """How long a small request took, from when it was due.

    seconds: as a client feels it. own: without the time that the loop's thread and this one waited for a CPU:
    what the server makes a small client wait. A request that comes late because of the one before is late in
    both.
    """

    kind: str
    seconds: float
    own: float


class SmallClient(threading.Thread):
    """Sends a small request of one kind every 100 ms, while another process runs.

    One that is late delays the next, which is measured from its time. Each kind has a client of its own, so
    that a write for which etcd waits for a CPU does not make a read from the cache late.
    """

    def __init__(self, server: ApiServer, kind: str, until: subprocess.Popen[bytes]) -> None:
        super().__init__(name=kind)
        self.answers: list[Answer] = []
        self._kind = kind
        self._until = until
        self._connection = Connection(server.port, server.context(), 60)
        self._loop = Path(f"/proc/{server.process}/task/{server.process}")
        #: How long the last request took beyond the period, without waiting for a CPU.
        self._late = 0.0

    def run(self) -> None:
        due = time.perf_counter()
        while self._until.poll() is None:
            # Not a wait for something to happen: the rate of the client.
            time.sleep(max(due - time.perf_counter(), 0))
            self.answers.append(self._send(due))
            due += _PERIOD_SECONDS
        self._connection.close()

    def _send(self, due: float) -> Answer:
        threads = (self._loop, Path("/proc/thread-self"))
        waited = sum(map(read_wait, threads))
        begin = time.perf_counter()
        headers = {"Authorization": "Bearer alice-token"}
        if self._kind == "write":
            headers["Content-Type"] = "application/merge-patch+json"
            body = json.dumps({"data": {"time": str(due)}})
            self._connection.request("PATCH", f"{MAPS}/small", body, headers)
        else:
            query = "?resourceVersion=0" if self._kind == "cached read" else ""
            self._connection.request("GET", f"{PODS}/target{query}", headers=headers)
        response = self._connection.getresponse()
        response.read()
        assert response.status == 200
        end = time.perf_counter()
        own = self._late + end - begin - (sum(map(read_wait, threads)) - waited)
        self._late = max(own - _PERIOD_SECONDS, 0.0)
        return Answer(self._kind, end - due, own)


def find_percentile(values: Iterable[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) * percent // 100]


def describe(answers: Sequence[Answer]) -> str:
    """A line for each kind of request."""
    lines = []
    for kind in KINDS:
        times = [answer for answer in answers if answer.kind == kind]
        for name, values in (
            ("as felt", [answer.seconds for answer in times]),
            ("without waiting for a CPU", [answer.own for answer in times]),
        ):
            shown = ", ".join(
                f"p{percent} {find_percentile(values, percent):.3f}" for percent in (50, 90, 99)
            )
            lines.append(f"{kind:12} {len(values):4} {name:26} {shown}")
    return "\n".join(lines)


def prepare(server: ApiServer) -> None:
    """Create the objects that attacks change, and users who may send them. Wait for the process of heavy requests."""
    server.post(MAPS, {"metadata": {"name": "target"}, "data": {str(n): "x" * 1000 for n in range(100)}})
    spec = {"automountServiceAccountToken": False, "containers": [{"name": "c", "image": "i"}]}
    server.post(PODS, {"metadata": {"name": "target"}, "spec": spec})
    for number in range(30):
        server.post(MAPS, {"metadata": {"name": f"large{number}"}, "data": {"a": "x" * 500_000}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    users = [{"kind": "User", "name": name} for name in ("alice", "bob")]
    binding = {"metadata": {"name": "all"}, "roleRef": role, "subjects": users}
    made = server.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    assert made.status == 201, made.json
    server.post(MAPS, {"metadata": {"name": "small"}, "data": {}})
    if TESTED not in os.environ:  # another server has no such process
        eventually(lambda: "another process executes heavy requests" in server.log(), seconds=60)


def run_beside_hostile_clients(server: ApiServer, seconds: float) -> tuple[list[Answer], dict[str, int]]:
    """The answers of a small client, and how often each attack was answered."""
    hostile = subprocess.Popen(
        [*WITH_US, sys.executable, "-m", "tests.apiserver.abuse.hostile", str(server.port), str(seconds)],
        stdout=subprocess.PIPE,
    )
    clients = [SmallClient(server, kind, hostile) for kind in KINDS]
    for client in clients:
        client.start()
    answered = json.loads(hostile.communicate()[0])
    for client in clients:
        client.join()
    return [answer for client in clients for answer in client.answers], answered


def main(seconds: float) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), FLAG) as (_, server):
        prepare(server)
        answers, answered = run_beside_hostile_clients(server, seconds)
        load = os.getloadavg()[0]
        sys.stdout.write(f"{describe(answers)}\n{sum(answered.values())} attacks, load {load:.1f}\n")
        sys.stdout.write(
            "".join(f"{line}\n" for line in server.log().splitlines() if "held the event" in line)
        )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
