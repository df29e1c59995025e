"""Pods on nodes with NoExecute taints."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controller_manager.conftest import Space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer

_NODES = "/api/v1/nodes"
_TAINT = {"key": "example.com/maintenance", "effect": "NoExecute"}


@pytest.fixture(scope="module", autouse=True)
def controller(server: ApiServer) -> Iterator[None]:
    with controllers(server, "taint-eviction-controller"):
        yield


def test_an_evicted_pod_says_why_and_for_which_generation(space: Space) -> None:
    node = f"{space.name}-node"
    ok(space.server, "POST", _NODES, {"metadata": {"name": node}})
    container = {"name": "c", "image": "registry.k8s.io/pause:3.10"}
    tolerant = [{**_TAINT, "operator": "Exists"}]
    for name, tolerations in (("plain", []), ("tolerant", tolerant)):
        # The finalizer keeps the pod, so that its status can be read.
        metadata = {"name": name, "finalizers": ["example.com/hold"]}
        spec = {"nodeName": node, "containers": [container], "tolerations": tolerations}
        space.create("pods", {"metadata": metadata, "spec": spec})
    merge(space.server, f"{_NODES}/{node}", {"spec": {"taints": [_TAINT]}})
    eventually(lambda: "deletionTimestamp" in space.get("pods", "plain")["metadata"])
    conditions: list[JsonObject] = space.get("pods", "plain")["status"]["conditions"]
    (mark,) = (each for each in conditions if each["type"] == "DisruptionTarget")
    assert (mark["status"], mark["reason"]) == ("True", "DeletionByTaintManager")
    assert mark["observedGeneration"] == 1
    assert "deletionTimestamp" not in space.get("pods", "tolerant")["metadata"]
    for name in ("plain", "tolerant"):
        merge(space.server, space.path("pods", name), {"metadata": {"finalizers": None}})
