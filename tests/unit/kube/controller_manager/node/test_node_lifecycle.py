"""The node lifecycle controller over a server: lost nodes, their pods, the rate of evictions."""

import asyncio
import time
from typing import Any

from prometheus_client import REGISTRY

NAMES = [f"n{number}" for number in range(9)]


async def register(api: Any, name: str, ready: str) -> None:
    conditions = [{"type": "Ready", "status": ready, "lastHeartbeatTime": "2026-01-01T00:00:00Z"}]
    await api.create("nodes", {"metadata": {"name": name}, "spec": {}, "status": {"conditions": conditions}})


async def run_pod(api: Any, name: str, node: str) -> None:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {"phase": "Running", "conditions": [ready]}
    await api.create("pods", {"metadata": {"name": name}, "spec": {"nodeName": node}, "status": status})


def is_ready(api: Any, name: str) -> bool:
    return bool(api.get("pods", name)["status"]["conditions"][0]["status"] == "True")


def list_evicted(api: Any) -> list[str]:
    return [
        name
        for name in NAMES
        for taint in api.get("nodes", name, "")["spec"].get("taints") or ()
        if taint["effect"] == "NoExecute"
    ]


def list_reasons(api: Any, name: str) -> set[str]:
    return {each["reason"] for each in api.list("events") if each["involvedObject"]["name"] == name}


async def test_pods_of_a_silent_node_are_not_ready(api: Any, start: Any) -> None:
    await register(api, "n0", "True")
    await run_pod(api, "p", "n0")
    flags = ("--node-monitor-period=100ms", "--node-monitor-grace-period=300ms")
    await start("node-lifecycle-controller", flags=flags)
    await api.until(lambda: not is_ready(api, "p"))
    await api.until(lambda: "NodeNotReady" in list_reasons(api, "n0") & list_reasons(api, "p"))


async def test_a_kubelet_that_is_not_ready_still_decides_about_its_pods(api: Any, start: Any) -> None:
    await register(api, "n0", "False")
    await run_pod(api, "p", "n0")
    await start("node-lifecycle-controller")
    await api.until(lambda: api.get("nodes", "n0", "")["spec"].get("taints"))
    await run_pod(api, "late", "n0")
    # Another change of the node is handled after those before it.
    await api.change("nodes", "n0", {"spec": {"unschedulable": True}})
    await api.until(lambda: "unschedulable" in str(api.get("nodes", "n0", "")["spec"]["taints"]))
    await asyncio.sleep(0.3)
    assert is_ready(api, "p")
    assert is_ready(api, "late")
    assert "NodeNotReady" not in list_reasons(api, "n0")


async def test_evictions_have_the_rate_of_the_flag(api: Any, start: Any) -> None:
    for number, name in enumerate(NAMES):
        await register(api, name, "False" if number < 4 else "True")
    begin = time.monotonic()
    await start("node-lifecycle-controller", flags=("--node-eviction-rate=5", "--node-monitor-period=3s"))
    await api.until(lambda: len(list_evicted(api)) == 4, seconds=2.5)
    assert time.monotonic() - begin >= 0.6


async def test_metrics_show_how_much_of_the_cluster_range_is_used(api: Any, start: Any) -> None:
    cluster = {"clusterCIDR": "10.9.0.0/22"}
    for name in NAMES[:2]:
        await register(api, name, "True")
    flags = ("--allocate-node-cidrs", "--cluster-cidr=10.9.0.0/22")
    await start("node-ipam-controller", flags=flags)
    await api.until(lambda: all(api.get("nodes", name, "")["spec"].get("podCIDR") for name in NAMES[:2]))
    prefix = "node_ipam_controller_"
    assert REGISTRY.get_sample_value(f"{prefix}cirdset_max_cidrs", cluster) == 4
    assert REGISTRY.get_sample_value(f"{prefix}cidrset_cidrs_allocations_total", cluster) == 2
    await asyncio.sleep(0.1)
    assert REGISTRY.get_sample_value(f"{prefix}cidrset_usage_cidrs", cluster) == 0.5
