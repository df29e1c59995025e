"""Controllers find the kinds of a new definition at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.conformance.definitions import Gadgets, version
from tests.apiserver.controllers import governed_server
from tests.apiserver.servers import ApiServer

_CONTROLLERS = (
    "disruption-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "resourcequota-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
)
#: Much less than the half minute after which controllers ask for the kinds in any case.
_SECONDS = 10.0
_SCALE = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
_REPLICAS = {"type": "object", "properties": {"replicas": {"type": "integer"}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with governed_server(tmp_path_factory.mktemp("custom-kinds"), *_CONTROLLERS) as found:
        yield found


def create_namespace(server: ApiServer, name: str) -> None:
    ok(server, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    eventually(lambda: server.get(f"/api/v1/namespaces/{name}/serviceaccounts/default").status == 200)


def remove_namespace(server: ApiServer, name: str) -> None:
    ok(server, "DELETE", f"/api/v1/namespaces/{name}")
    eventually(lambda: server.get(f"/api/v1/namespaces/{name}").status == 404)


def make_owner(gadget: dict[str, Any]) -> dict[str, Any]:
    metadata = gadget["metadata"]
    return {
        "apiVersion": gadget["apiVersion"],
        "kind": gadget["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }


def test_a_removed_namespace_leaves_no_objects_of_a_kind_that_is_new(server: ApiServer) -> None:
    create_namespace(server, "first")
    create_namespace(server, "second")
    remove_namespace(server, "first")  # the controller has asked for the kinds
    gadgets = Gadgets(server)
    gadgets.define([version()])
    ok(server, "POST", gadgets.path("second"), gadgets.make("one"))
    remove_namespace(server, "second")
    assert ok(server, "GET", gadgets.path())["items"] == []


def test_dependents_of_a_new_kind_are_collected(server: ApiServer) -> None:
    create_namespace(server, "collected")
    maps = "/api/v1/namespaces/collected/configmaps"
    gadgets = Gadgets(server)
    gadgets.define([version()])
    gadget = ok(server, "POST", gadgets.path("collected"), gadgets.make("one"))
    metadata = {"name": "owned", "ownerReferences": [make_owner(gadget)]}
    ok(server, "POST", maps, {"metadata": metadata})
    begin = time.monotonic()
    ok(server, "DELETE", gadgets.path("collected", "one"))
    eventually(lambda: server.get(f"{maps}/owned").status == 404)
    assert time.monotonic() - begin < _SECONDS


def test_a_quota_counts_a_kind_that_is_defined_later(server: ApiServer) -> None:
    create_namespace(server, "counted")
    gadgets = Gadgets(server)
    count = f"count/gadgets.{gadgets.group}"
    quotas = "/api/v1/namespaces/counted/resourcequotas"
    ok(server, "POST", quotas, {"metadata": {"name": "q"}, "spec": {"hard": {count: "3"}}})
    eventually(lambda: "hard" in ok(server, "GET", f"{quotas}/q").get("status", {}))
    gadgets.define([version()])
    begin = time.monotonic()
    ok(server, "POST", gadgets.path("counted"), gadgets.make("one"))
    eventually(lambda: ok(server, "GET", f"{quotas}/q")["status"]["used"].get(count) == "1")
    assert time.monotonic() - begin < _SECONDS
    ok(server, "DELETE", gadgets.path("counted", "one"))
    eventually(lambda: ok(server, "GET", f"{quotas}/q")["status"]["used"].get(count) == "0")


def test_a_disruption_budget_reads_the_scale_of_a_custom_resource(server: ApiServer) -> None:
    create_namespace(server, "budget")
    gadgets = Gadgets(server)
    properties = {"spec": _REPLICAS, "status": _REPLICAS}
    gadgets.define([version("v1", properties, subresources={"status": {}, "scale": _SCALE})])
    gadget = ok(server, "POST", gadgets.path("budget"), gadgets.make("one", spec={"replicas": 4}))
    metadata = {"name": "p", "labels": {"app": "a"}, "ownerReferences": [make_owner(gadget)]}
    container = {"name": "c", "image": "i"}
    ok(
        server,
        "POST",
        "/api/v1/namespaces/budget/pods",
        {"metadata": metadata, "spec": {"containers": [container]}},
    )
    budgets = "/apis/policy/v1/namespaces/budget/poddisruptionbudgets"
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "a"}}}
    ok(server, "POST", budgets, {"metadata": {"name": "b"}, "spec": spec})
    eventually(lambda: ok(server, "GET", f"{budgets}/b").get("status", {}).get("expectedPods") == 4)


def test_metrics_count_the_objects_of_custom_resources(server: ApiServer) -> None:
    create_namespace(server, "metrics")
    gadgets = Gadgets(server)
    gadgets.define([version()])
    ok(server, "POST", gadgets.path("metrics"), gadgets.make("one"))
    line = f'apiserver_resource_objects{{group="{gadgets.group}",resource="gadgets"}} 1.0'
    assert eventually(lambda: line in server.get("/metrics").body.decode())
