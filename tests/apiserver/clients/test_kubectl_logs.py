"""The entry of the conformance list that reads a container's log."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kprov.kube.machinery import timestamps
from tests.apiserver.clients.kubectl import Kubectl, ready_pods
from tests.apiserver.clients.kubelet_server import kubelet_server

_POD = "logs-generator"
_LINES = 100


def lines(said: str) -> list[str]:
    return said.rstrip("\n").split("\n")


def generate(log: Path) -> None:
    """Twenty seconds of a generator's lines, the last of them now, as a runtime writes them."""
    now = dt.datetime.now(dt.UTC)
    with log.open("w") as file:
        for number in range(_LINES):
            when = now - dt.timedelta(seconds=(_LINES - 1 - number) / 5)
            text = f"{number} GET /api/v1/namespaces/kube-system/pods/p{number} 200"
            file.write(f"{timestamps.show_micro(when)} stdout F {text}\n")


@pytest.mark.entry(
    "Kubectl logs logs should be able to retrieve and filter logs",
    without="container runtime: the test writes the log; of the kubelet, all but its server",
)
def test_logs_should_be_able_to_retrieve_and_filter_logs(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("run", _POD, "--image=registry.example.org/agnhost:1", "--restart=Never")
    target = {"metadata": {"name": _POD}, "target": {"kind": "Node", "name": "logs-node"}}
    place = f"/api/v1/namespaces/{kubectl.namespace}/pods/{_POD}/binding"
    assert kubectl.server.post(place, target).status == 201
    ready_pods(kubectl)
    log = tmp_path / "0.log"
    generate(log)
    with kubelet_server(kubectl.server, "logs-node", kubectl.get("pod", _POD), log):
        assert "/api/v1/namespaces/kube-system" in kubectl("logs", _POD, _POD)
        (last,) = lines(kubectl("logs", _POD, _POD, "--tail=1"))
        assert last.startswith(f"{_LINES - 1} GET")
        assert kubectl("logs", _POD, _POD, "--limit-bytes=1") == "0"
        (stamped,) = lines(kubectl("logs", _POD, _POD, "--tail=1", "--timestamps"))
        when, _, text = stamped.partition(" ")
        assert dt.datetime.fromisoformat(when).tzinfo is not None
        assert text == last
        recent = lines(kubectl("logs", _POD, _POD, "--since=1s"))
        older = lines(kubectl("logs", _POD, _POD, "--since=24h"))
        assert len(recent) < len(older) == _LINES
    kubectl("delete", "pod", _POD, "--grace-period=0", "--force")
