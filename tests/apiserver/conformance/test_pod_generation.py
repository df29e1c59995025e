"""A pod that is changed as fast as its kubelet can be told."""

from __future__ import annotations

import json
import threading
from http.client import HTTPSConnection
from typing import Any

import pytest

from tests.apiserver.conformance.calls import MERGE, eventually, ok, watching
from tests.apiserver.servers import ApiServer

_UPDATES = 499


class Requests:
    """Many requests on one connection."""

    def __init__(self, server: ApiServer) -> None:
        self._connection = HTTPSConnection("127.0.0.1", server.port, timeout=30, context=server.context())

    def __call__(
        self, method: str, path: str, body: Any = None, media: str = "application/json"
    ) -> tuple[int, Any]:
        headers = {"Authorization": "Bearer admin-token", "Content-Type": media}
        self._connection.request(method, path, json.dumps(body), headers)
        with self._connection.getresponse() as answer:
            return answer.status, json.load(answer)

    def close(self) -> None:
        self._connection.close()


def observe(server: ApiServer, namespace: str, last: int) -> None:
    """Say of each version of pod p that comes through a watch that it was seen, as a kubelet does."""
    place = f"/api/v1/namespaces/{namespace}/pods/p/status"
    said, ask = 0, Requests(server)
    with watching(server, f"/api/v1/namespaces/{namespace}/pods") as watch:
        while said < last:
            generation = watch.next()[1]["metadata"]["generation"]
            if generation > said:
                said = generation
                assert ask("PATCH", place, {"status": {"observedGeneration": said}}, MERGE)[0] == 200
    ask.close()


@pytest.mark.entry(
    "Pods Extended (pod generation) Pod Generation issue 500 podspec updates and verify generation and "
    "observedGeneration eventually converge",
    without="kubelet and scheduler: the test binds and writes each generation it sees into the status",
)
def test_pod_generation_issue_500_podspec_updates(server: ApiServer, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    spec = {
        "containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}],
        "activeDeadlineSeconds": 5000,
    }
    ok(server, "POST", pods, {"metadata": {"name": "p"}, "spec": spec})
    target = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
    ok(server, "POST", f"{pods}/p/binding", target)
    kubelet = threading.Thread(target=observe, args=(server, namespace, _UPDATES + 1), daemon=True)
    kubelet.start()
    ask = Requests(server)
    pod = ask("GET", f"{pods}/p")[1]
    for left in range(5000 - 1, 5000 - 1 - _UPDATES, -1):
        while True:
            pod["spec"]["activeDeadlineSeconds"] = left
            status, answer = ask("PUT", f"{pods}/p", pod)
            if status == 200:
                pod = answer
                break
            assert (status, answer["reason"]) == (409, "Conflict"), answer
            pod = ask("GET", f"{pods}/p")[1]
    eventually(lambda: ask("GET", f"{pods}/p")[1]["status"].get("observedGeneration") == _UPDATES + 1)
    assert ask("GET", f"{pods}/p")[1]["metadata"]["generation"] == _UPDATES + 1
    ask.close()
    kubelet.join(30)
    assert not kubelet.is_alive()
