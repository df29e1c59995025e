"""Namespaces, garbage, nodes over a server."""

import asyncio
import itertools
from pathlib import Path
from typing import Any


def owner(obj: dict[str, Any], *, blocking: bool = True) -> dict[str, Any]:
    meta = obj["metadata"]
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": blocking,
    }


async def family(api: Any) -> tuple[str, str, str]:
    """A deployment that owns a replica set that owns a pod."""
    top = await api.create("deployments", {"metadata": {"name": "d"}, "spec": {}})
    middle = await api.create(
        "replicasets", {"metadata": {"name": "r", "ownerReferences": [owner(top)]}, "spec": {}}
    )
    await api.create("pods", {"metadata": {"name": "p", "ownerReferences": [owner(middle)]}, "spec": {}})
    return ("deployments", "default", "d")


async def test_dependents_go_with_their_owner(api: Any, start: Any) -> None:
    key = await family(api)
    await start("garbage-collector-controller")
    await api.delete(key)
    await api.until(lambda: not api.list("replicasets") and not api.list("pods"))


async def test_foreground_deletion_ends_with_the_owner(api: Any, start: Any) -> None:
    key = await family(api)
    await start("garbage-collector-controller")
    await api.delete(key, "Foreground")
    await api.until(lambda: not api.list("deployments"))
    gone = [kind for _, event, kind, _ in api.log if event == "DELETED"]
    assert gone == ["pods", "replicasets", "deployments"]


async def test_orphans_stay_and_forget_their_owner(api: Any, start: Any) -> None:
    key = await family(api)
    await start("garbage-collector-controller")
    await api.delete(key, "Orphan")
    await api.until(lambda: not api.list("deployments"))
    assert not api.get("replicasets", "r")["metadata"].get("ownerReferences")
    assert api.get("pods", "p")["metadata"]["ownerReferences"]


async def test_an_object_whose_owner_never_was_is_deleted(api: Any, start: Any) -> None:
    ghost = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "x", "uid": "ghost"}}
    await api.create("pods", {"metadata": {"name": "p", "ownerReferences": [owner(ghost)]}, "spec": {}})
    await start("garbage-collector-controller")
    await api.until(lambda: not api.list("pods"))


async def test_a_dependent_that_changed_unnoticed_is_looked_at_again_and_deleted(
    api: Any, start: Any
) -> None:
    """The informer's version of the pod is too old, so that the server rejects its deletion."""
    key = await family(api)
    api.silent = lambda request: request.path == "/api/v1/pods"
    await start("garbage-collector-controller")
    await api.change("pods", "p", {"metadata": {"labels": {"new": "label"}}})
    await api.delete(key)
    await api.until(lambda: not api.list("replicasets") and not api.list("pods"))


async def test_a_namespace_is_furnished_and_emptied(api: Any, start: Any, tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text("CA")
    await start(
        "namespace-controller",
        "serviceaccount-controller",
        "root-ca-certificate-publisher-controller",
        flags=(f"--root-ca-file={ca}",),
    )
    await api.create("namespaces", {"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}})
    await api.until(lambda: api.list("serviceaccounts", "a") and api.list("configmaps", "a"))
    assert api.get("configmaps", "kube-root-ca.crt", "a")["data"] == {"ca.crt": "CA"}
    await api.create("secrets", {"metadata": {"name": "s"}}, "a")
    await api.delete(("namespaces", "", "a"))
    await api.until(lambda: not api.list("namespaces", ""))
    assert [key for key in api.objects if key[1] == "a"] == []


async def test_nodes_get_ranges_of_their_own(api: Any, start: Any) -> None:
    for number in range(3):
        await api.create("nodes", {"metadata": {"name": f"n{number}"}, "spec": {}})
    await start("node-ipam-controller", flags=("--allocate-node-cidrs", "--cluster-cidr=10.233.64.0/18"))
    await api.until(lambda: all(node["spec"].get("podCIDR") for node in api.list("nodes", "")))
    first = api.get("nodes", "n0", "")["spec"]["podCIDR"]
    await api.delete(("nodes", "", "n0"))
    await api.create("nodes", {"metadata": {"name": "n0"}, "spec": {}})
    await api.until(lambda: api.get("nodes", "n0", "")["spec"].get("podCIDR"))
    ranges = [node["spec"]["podCIDR"] for node in api.list("nodes", "")]
    assert len(set(ranges)) == 3
    assert first not in ranges


async def test_a_silent_node_is_marked_tainted_and_emptied(api: Any, start: Any) -> None:
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}
    for name in ("dead", "alive"):
        await api.create("nodes", {"metadata": {"name": name}, "spec": {}, "status": {"conditions": [ready]}})
    pod = {"nodeName": "dead", "containers": [{"name": "c", "image": "i"}]}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    await api.create("pods", {"metadata": {"name": "p"}, "spec": pod, "status": status})
    flags = ("--node-monitor-period=20ms", "--node-monitor-grace-period=300ms")
    await start("node-lifecycle-controller", "taint-eviction-controller", flags=flags)

    async def heartbeats() -> None:
        lease = {"metadata": {"name": "alive"}, "spec": {"renewTime": "0"}}
        await api.create("leases", lease, "kube-node-lease")
        for beat in itertools.count(1):
            await api.change("leases", "alive", {"spec": {"renewTime": str(beat)}}, "kube-node-lease")
            await asyncio.sleep(0)

    beating = asyncio.create_task(heartbeats())
    await api.until(lambda: not api.list("pods"))
    beating.cancel()
    conditions = api.get("nodes", "dead", "")["status"]["conditions"]
    assert {entry["type"]: entry["status"] for entry in conditions}["Ready"] == "Unknown"
    taints = {(entry["key"], entry["effect"]) for entry in api.get("nodes", "dead", "")["spec"]["taints"]}
    unreachable = "node.kubernetes.io/unreachable"
    assert taints == {(unreachable, "NoSchedule"), (unreachable, "NoExecute")}
    assert not api.get("nodes", "alive", "")["spec"].get("taints")


async def test_an_outage_of_all_nodes_takes_the_evictions_back(api: Any, start: Any) -> None:
    def list_taints(name: str) -> set[str]:
        taints = api.get("nodes", name, "")["spec"].get("taints") or []
        return {taint["effect"] for taint in taints}

    async def set_ready(name: str, status: str) -> None:
        conditions = [{"type": "Ready", "status": status}]
        await api.change("nodes", name, {"status": {"conditions": conditions}}, "")

    for name, status in (("a", "True"), ("b", "False")):
        ready = {"conditions": [{"type": "Ready", "status": status}]}
        await api.create("nodes", {"metadata": {"name": name}, "spec": {}, "status": ready})
    await start("node-lifecycle-controller", flags=("--node-monitor-period=20ms", "--node-eviction-rate=100"))
    await api.until(lambda: list_taints("b") == {"NoSchedule", "NoExecute"})
    await set_ready("a", "False")
    await api.until(lambda: list_taints("b") == {"NoSchedule"})
    await api.until(lambda: list_taints("a") == {"NoSchedule"})
    await set_ready("a", "True")
    await api.until(lambda: list_taints("b") == {"NoSchedule", "NoExecute"})
    await api.until(lambda: not list_taints("a"))


async def test_a_daemon_runs_on_every_node_that_lets_it(api: Any, start: Any) -> None:
    await start("daemonset-controller")
    await api.create("nodes", {"metadata": {"name": "a", "labels": {"disk": "ssd"}}, "spec": {}})
    taint = {"key": "x", "effect": "NoSchedule"}
    await api.create(
        "nodes", {"metadata": {"name": "b", "labels": {"disk": "ssd"}}, "spec": {"taints": [taint]}}
    )
    await api.create("nodes", {"metadata": {"name": "c"}, "spec": {}})
    spec = {"containers": [{"name": "c", "image": "i:1"}], "nodeSelector": {"disk": "ssd"}}
    template = {"metadata": {"labels": {"app": "d"}}, "spec": spec}
    daemon = {"selector": {"matchLabels": {"app": "d"}}, "template": template, "revisionHistoryLimit": 10}
    await api.create("daemonsets", {"metadata": {"name": "d"}, "spec": daemon})
    await api.until(lambda: api.list("pods"))
    await api.until(lambda: api.get("daemonsets", "d").get("status", {}).get("currentNumberScheduled") == 1)
    await api.create("nodes", {"metadata": {"name": "e", "labels": {"disk": "ssd"}}, "spec": {}})
    await api.until(lambda: len(api.list("pods")) == 2)
    assert len(api.list("controllerrevisions")) == 1
    assert api.get("daemonsets", "d")["status"]["desiredNumberScheduled"] in {1, 2}
