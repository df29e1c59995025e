"""All workload controllers behind a server that refuses, delays and loses requests, and whose watches break."""

from __future__ import annotations

import contextlib
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.apiserver.controllers import controllers
from tests.apiserver.event_record import recording
from tests.apiserver.failover.rounds import Round, check_created_pods
from tests.apiserver.failover.work import ALL_WORK, LostNode
from tests.apiserver.fake_kubelet import fake_kubelet
from tests.apiserver.faulty_proxy import NO_FAULT, Fault, FaultRule, FaultyProxy, faulty_proxy
from tests.apiserver.servers import pem, running

_CODES: Final = (409, 429, 500, 503)
_NODES: Final = ("node-a", "node-b")
#: Owners of pods in the rounds of leader kills only.
_OTHER_OWNERS: Final = ("classic", "backend", "guarded")
_WATCH_SECONDS: Final = 1.5
#: How often watches break in both ways. They do not break until the work ends: on a busy machine all time would go
#: into lists and watches that begin again.
_BREAKS: Final = 8
_DELAY_SECONDS: Final = 0.5
#: At most so many of requests with the same method and path.
_REFUSALS: Final = 2
#: At most so many of all requests for the kinds of a namespace, with which its controller empties it: it asks for
#: each kind again after any refusal, so that it would not come to an end otherwise.
_CONTENT_REFUSALS: Final = 10
_CONTENT: Final = re.compile(r"/namespaces/[^/]+/[a-z]+$")


def fail_some(points: random.Random) -> FaultRule:
    """Refuse every tenth request, delay as many, and lose the answers of some writes."""
    refused: Counter[tuple[str, str]] = Counter()

    def choose(method: str, path: str) -> Fault:
        number = points.random()
        if path.endswith("/events"):
            return NO_FAULT
        is_content = method in {"GET", "DELETE"} and _CONTENT.search(path) is not None
        kind, limit = (("", ""), _CONTENT_REFUSALS) if is_content else ((method, path), _REFUSALS)
        if number < 0.1 and refused[kind] < limit:
            refused[kind] += 1
            # Reads never conflict.
            return Fault(points.choice(_CODES if method != "GET" else _CODES[1:]))
        if 0.1 <= number < 0.2:
            return Fault(delay=_DELAY_SECONDS)
        # Nobody can know whether a pod with a generated name was created: that one may get a twin.
        is_pod = method == "POST" and path.endswith("/pods")
        return Fault(loses_answer=method != "GET" and 0.2 <= number < 0.25 and not is_pod)

    return choose


@contextlib.contextmanager
def breaking_watches(proxy: FaultyProxy) -> Iterator[None]:
    """Cut, expire and hold all watches in turn, some times, in a thread of its own."""
    stopping = threading.Event()

    def work() -> None:
        for _ in range(_BREAKS):
            if stopping.wait(_WATCH_SECONDS):
                return
            proxy.drop_watches()
            if stopping.wait(_WATCH_SECONDS):
                return
            proxy.expire_watches()
            proxy.hold_watches()
            stopping.wait(_DELAY_SECONDS)
            proxy.release_watches()

    thread = threading.Thread(target=work, name="watch-breaker")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(20)


def test_all_work_converges_and_nothing_is_done_twice(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        _, server = stack.enter_context(running(tmp_path))
        stack.enter_context(fake_kubelet(server, _NODES))
        pods = stack.enter_context(recording(server, "/api/v1/pods"))
        proxy = stack.enter_context(faulty_proxy(server))
        key = tmp_path / "signer.key"
        key.write_bytes(pem(server.authority._key))
        signer = [f"--cluster-signing-cert-file={server.authority.file}", f"--cluster-signing-key-file={key}"]
        stack.enter_context(controllers(server, "*", url=proxy.url, flags=signer))
        proxy.choose_fault = fail_some(random.Random(1))
        current = Round(server, 0, [kind for kind in ALL_WORK if kind is not LostNode])
        current.wait_until_prepared()
        with breaking_watches(proxy):
            current.begin()
            current.finish()
        check_created_pods(pods, 1, without=_OTHER_OWNERS)
        assert set(proxy.refused) == set(_CODES)
        assert min(proxy.lost_answers, proxy.cut_watches, proxy.expired_watches) > 0
