"""How soon reads and writes go on when a member dies, and what is answered while too few live."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection

import pytest

from kprov.kube.apiserver.storage.etcd3.client import Client
from kprov.kube.apiserver.storage.etcd3.etcd3 import Etcd3
from tests.apiserver.etcd.cluster import Cluster, Front, Member
from tests.apiserver.servers import ApiServer

log = logging.getLogger(__name__)

PLACE = "/api/v1/namespaces/outages/configmaps"
#: Seconds beyond etcd's own silence: about one is meant, the rest is for a machine with much to do. A call that has
#: to be given up takes seven.
_BEYOND = 6.0
_CHECKS = (("livez", "etcd"), ("readyz", "etcd"), ("readyz", "etcd-readiness"))
_TIMED_OUT = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "etcdserver: request timed out",
    "code": 500,
}


@pytest.fixture(autouse=True)
def _namespace(fronts: list[Front]) -> None:
    fronts[0].server.post("/api/v1/namespaces", {"metadata": {"name": "outages"}})


@pytest.fixture
def mended(cluster: Cluster) -> Iterator[list[Member]]:
    """Members that the test kills; they are started again."""
    dead: list[Member] = []
    yield dead
    for member in dead:
        member.start()
    cluster.leader()


def _silence(cluster: Cluster, dead: Member) -> float:
    """Seconds until the members that live agree on a revision again."""

    async def ask() -> None:
        urls = [member.url for member in cluster.members if member is not dead]
        storage = Etcd3(Client(urls, cluster.tls))
        await storage.current_revision()
        await storage.close()

    begin = time.monotonic()
    asyncio.run(ask())
    return time.monotonic() - begin


def _times(work: Callable[[], int], wanted: int, seconds: list[float]) -> threading.Thread:
    """A thread that does something until it gets that status, and notes how long that took."""

    def run() -> None:
        begin = time.monotonic()
        while work() != wanted:
            time.sleep(0.02)
        seconds.append(time.monotonic() - begin)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("which", ["leader", "follower"])
def test_reads_and_writes_go_on_soon_after_a_members_death(
    cluster: Cluster, fronts: list[Front], mended: list[Member], which: str
) -> None:
    """About a second after the rest of etcd answers again; no client has to ask twice."""
    for front in fronts:
        assert front.server.get(PLACE).status == 200
    dead: Member = getattr(cluster, which)()
    dead.signal(signal.SIGKILL)
    mended.append(dead)
    reads: list[float] = []
    writes: list[float] = []
    threads = []
    for number, front in enumerate(fronts):
        body = {"metadata": {"name": f"{which}-{number}"}}
        threads.append(_times(lambda server=front.server: server.get(PLACE).status, 200, reads))  # type: ignore[misc]
        threads.append(
            _times(lambda server=front.server, body=body: server.post(PLACE, body).status, 201, writes)  # type: ignore[misc]
        )
    silence = _silence(cluster, dead)
    for thread in threads:
        thread.join()
    log.info("%s died: etcd silent %.2f s, reads %s, writes %s", which, silence, reads, writes)
    assert max(reads + writes) < silence + _BEYOND


class _Watching:
    """A watch that stays open while etcd is away."""

    def __init__(self, server: ApiServer) -> None:
        version = server.get(PLACE).json["metadata"]["resourceVersion"]
        self._connection = HTTPSConnection("127.0.0.1", server.port, timeout=60, context=server.context())
        path = f"{PLACE}?watch=1&resourceVersion={version}"
        self._connection.request("GET", path, headers={"Authorization": "Bearer admin-token"})
        self._answer = self._connection.getresponse()

    def name(self) -> str:
        """Of the next event's object."""
        name: str = json.loads(self._answer.readline())["object"]["metadata"]["name"]
        return name

    def __enter__(self) -> _Watching:
        return self

    def __exit__(self, *_: object) -> None:
        self._answer.close()
        self._connection.close()


def test_while_too_few_members_live_errors_and_checks_say_so_and_then_all_goes_on(
    cluster: Cluster, fronts: list[Front], mended: list[Member]
) -> None:
    """Upstream's answers: 500 with what etcd says; what any version will do for is still given."""
    server = fronts[0].server
    process = server.process
    assert server.post(PLACE, {"metadata": {"name": "before"}}).status == 201
    with _Watching(server) as watching:
        for member in cluster.members[:2]:
            member.signal(signal.SIGKILL)
            mended.append(member)
        _check_silence(server)
        while mended:
            mended.pop().start()
        cluster.leader()
        end = time.monotonic() + 30
        while (status := server.post(PLACE, {"metadata": {"name": "after"}}).status) == 500:
            assert time.monotonic() < end
        assert status == 201
        seen: list[str] = []
        # What was asked for while etcd was away may have been done by it in the end.
        while "after" not in seen:
            seen.append(watching.name())
    assert seen in (["after"], ["during", "after"])
    while server.get("/readyz").status != 200:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert server.process == process


def _check_silence(server: ApiServer) -> None:
    """All at once, since each waits as long as etcd itself would."""
    with ThreadPoolExecutor() as at_once:
        made = at_once.submit(server.post, PLACE, {"metadata": {"name": "during"}})
        read = at_once.submit(server.get, f"{PLACE}/before")
        held = at_once.submit(server.get, f"{PLACE}/before?resourceVersion=0")
        checks = [at_once.submit(_failing, server, *each) for each in _CHECKS]
        assert held.result().status == 200
        for failed in (made.result(), read.result()):
            assert (failed.status, failed.json) == (500, _TIMED_OUT)
    for check in checks:
        check.result()
    single = server.get("/healthz/etcd")
    assert single.status == 500
    assert single.body.startswith(b"internal server error: error getting data from etcd: ")


def _failing(server: ApiServer, path: str, name: str) -> None:
    """The check says so soon: for a second its last answer stands."""
    end = time.monotonic() + 10
    failed = f"[-]{name} failed: reason withheld\n".encode()
    while failed not in (answer := server.get(f"/{path}?verbose")).body:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert answer.status == 500


def test_an_event_ends_with_its_lease(fronts: list[Front]) -> None:
    """--event-ttl is the least that it is kept, and little more."""
    server = fronts[0].server
    place = "/api/v1/namespaces/outages/events"
    event = {
        "metadata": {"name": "short"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "outages"},
        "reason": "Test",
        "type": "Normal",
    }
    begin = time.monotonic()
    assert server.post(place, event).status == 201
    while server.get(f"{place}/short").status == 200:
        assert time.monotonic() - begin < 20
        time.sleep(0.2)
    assert time.monotonic() - begin > 2.5
