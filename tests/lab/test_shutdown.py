"""A host that shuts down ends its pods first, tells so, and does not wait for their containers afterwards."""

from __future__ import annotations

from typing import Any

from tests.lab.conftest import HOSTS, LAB, Cluster, eventually
from tests.lab.workload import pod

MARK = "/var/tmp/ended"


def test_shutdown_of_a_host_waits_for_its_pods(cluster: Cluster, namespace: str) -> None:
    # Requests of this test go through the host that holds the VIP.
    host = next(h for h in HOSTS if f"{cluster.lab.vip}/" not in cluster.lab.ssh(h, "ip -4 -o address show"))
    assert "kubelet" in cluster.lab.ssh(host, "systemd-inhibit --list --no-pager")
    cluster.lab.ssh(host, f"rm -f {MARK}")
    loop = "while :; do sleep 0.1; done"
    spec: dict[str, Any] = {
        "nodeName": host,
        "container": {"volumeMounts": [{"name": "host", "mountPath": "/host"}]},
        "volumes": [{"name": "host", "hostPath": {"path": "/var/tmp"}}],
    }
    careful = f"trap 'sleep 3; date > /host/ended; exit 0' TERM; {loop}"
    cluster.apply(
        pod("careful", careful, **spec | {"terminationGracePeriodSeconds": 30}),
        pod("stubborn", f"trap : TERM; {loop}", **spec | {"terminationGracePeriodSeconds": 5}),
        namespace=namespace,
    )
    eventually("pods", lambda: len(cluster.running_pods(namespace)) == 2)
    cluster.lab.ssh(host, "systemctl poweroff", check=False)
    try:

        def ended() -> bool:
            statuses = [item["status"] for item in cluster.get("pods", "-n", namespace)["items"]]
            return [(one["phase"], one.get("reason")) for one in statuses] == [("Failed", "Terminated")] * 2

        eventually("pods that were ended", ended, timeout=60)
        status = cluster.get("pod", "careful", "-n", namespace)["status"]
        assert status["message"] == "Pod was terminated in response to imminent node shutdown."
        assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
        target = next(one for one in status["conditions"] if one["type"] == "DisruptionTarget")
        assert (target["status"], target["reason"]) == ("True", "TerminationByKubelet")
        ready = next(
            one for one in cluster.get("node", host)["status"]["conditions"] if one["type"] == "Ready"
        )
        assert ready["status"] == "False"
        assert ready["message"] == "node is shutting down"
        eventually("power off", lambda: not is_running(cluster, host), timeout=60)
    finally:
        cluster.lab.start(host)

    def back() -> bool:
        conditions = cluster.get("node", host)["status"]["conditions"]
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    eventually("the host's return", back, timeout=120, every=2)
    # It had the time that it needed.
    assert cluster.lab.ssh(host, f"cat {MARK}").strip()
    before = cluster.lab.ssh(host, "journalctl -b -1 --no-pager")
    assert "the shutdown of the node continues" in before
    assert "Stopping timed out" not in before


def is_running(cluster: Cluster, host: str) -> bool:
    rows = [line.split() for line in cluster.lab.kprov("lab", "list").stdout.splitlines()]
    return any(row[:2] == [LAB, host] and "running" in row for row in rows)
