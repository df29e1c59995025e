"""Create, read, list, watch, change and delete, by kind."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import merge, ok, settle, watching
from tests.apiserver.conformance.operations import KINDS, Kind
from tests.apiserver.servers import ApiServer

_NUMBERS = itertools.count(1)


def collection(kind: Kind, namespace: str) -> str:
    scope = f"/namespaces/{namespace}" if kind.namespaced else ""
    return f"{kind.path}{scope}/{kind.plural}"


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=kind.entry, marks=pytest.mark.entry(kind.entry)) for kind in KINDS]
)
def test_entry(server: ApiServer, namespace: str, kind: Kind) -> None:
    path = collection(kind, namespace)
    discover(server, kind)
    label = f"special-label={namespace}"
    with watching(server, path, labelSelector=label) as watch:
        made = ok(server, "POST", path, new(kind, namespace))
        name = made["metadata"]["name"]
        item = f"{path}/{name}"
        assert watch.until("ADDED", name)["metadata"]["uid"] == made["metadata"]["uid"]
        assert ok(server, "GET", item)["metadata"]["uid"] == made["metadata"]["uid"]
        assert names(ok(server, "GET", f"{path}?labelSelector={label}")) == {name}
        assert name in names(ok(server, "GET", f"{kind.path}/{kind.plural}"))

        patched = merge(server, item, kind.changed)
        assert includes(patched, kind.changed), patched
        assert patched["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
        watch.until("MODIFIED", name)

        updated = annotate(server, item, "updated")
        assert includes(updated, kind.changed), updated
        assert server.ask("PUT", item, made).status == 409

        if kind.status is not None:
            change_status(server, item, kind.status)

        deleted = server.ask("DELETE", item, {"propagationPolicy": "Background"})
        assert deleted.status == 200, deleted.body
        settle(server, item)
        watch.until("DELETED", name)
    missing = server.get(item)
    assert (missing.status, missing.json["reason"]) == (404, "NotFound")
    for _ in range(2):
        ok(server, "POST", path, new(kind, namespace))
    ok(server, "DELETE", f"{path}?labelSelector={label}&propagationPolicy=Background")
    for left in names(ok(server, "GET", f"{path}?labelSelector={label}")):
        settle(server, f"{path}/{left}")
    assert names(ok(server, "GET", f"{path}?labelSelector={label}")) == set()


def new(kind: Kind, namespace: str) -> JsonObject:
    metadata = {"name": kind.name.format(next(_NUMBERS)), "labels": {"special-label": namespace}}
    return {"metadata": metadata, **kind.body}


def names(listed: JsonObject) -> set[str]:
    return {each["metadata"]["name"] for each in listed["items"]}


def discover(server: ApiServer, kind: Kind) -> None:
    """Assert that discovery has the group, its version and the resource."""
    if kind.path != "/api/v1":
        _, _, group, version = kind.path.split("/")
        found = {each["name"]: each for each in ok(server, "GET", "/apis")["groups"]}
        assert f"{group}/{version}" in {each["groupVersion"] for each in found[group]["versions"]}
    resources = {each["name"]: each for each in ok(server, "GET", kind.path)["resources"]}
    assert resources[kind.plural]["namespaced"] is kind.namespaced
    if kind.status is not None:
        assert f"{kind.plural}/status" in resources


def change_status(server: ApiServer, item: str, status: JsonObject) -> None:
    """Read, patch and replace the status; the rest stays as it was."""
    before = ok(server, "GET", f"{item}/status")
    patched = merge(server, f"{item}/status", {"status": status})
    assert includes(patched["status"], status), patched
    assert patched.get("spec") == before.get("spec")
    assert includes(annotate(server, f"{item}/status", "through-status")["status"], status)


def annotate(server: ApiServer, path: str, name: str) -> JsonObject:
    """Read, change and replace, again when the server's own controllers were faster."""
    while True:
        obj = ok(server, "GET", path)
        obj["metadata"].setdefault("annotations", {})[name] = "yes"
        answer = server.ask("PUT", path, obj)
        if answer.status != 409:
            assert answer.status == 200, answer.body
            changed: JsonObject = answer.json
            return changed


def includes(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(includes(found.get(key), each) for key, each in wanted.items())
    if isinstance(wanted, list):
        return len(found) >= len(wanted) and all(map(includes, found, wanted))
    return bool(found == wanted)
