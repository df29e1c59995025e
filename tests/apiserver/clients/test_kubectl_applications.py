"""Entries of the conformance list in which kubectl creates an application of several pods and takes it away again."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.apiserver.clients.kubectl import Kubectl, ready_pods
from tests.apiserver.conformance.calls import eventually

_IMAGE = "registry.example.org/agnhost:1"
_NAUTILUS = "registry.example.org/nautilus:1"
_RUNS = (
    '{{if (exists . "status" "containerStatuses")}}{{range .status.containerStatuses}}'
    '{{if (and (eq .name "update-demo") (exists . "state" "running"))}}true{{end}}{{end}}{{end}}'
)
_ITS_IMAGE = '{{range .spec.containers}}{{if eq .name "update-demo"}}{{.image}}{{end}}{{end}}'
_NOT_ENDING = (
    "go-template={{range .items}}{{if not .metadata.deletionTimestamp}}"
    '{{.metadata.name}}{{"\\n"}}{{end}}{{end}}'
)
_NO_PODS = "kubelet: the test says that pods run, nobody serves their pages"


def update_demo() -> dict[str, Any]:
    labels = {"name": "update-demo", "version": "nautilus"}
    container = {"name": "update-demo", "image": _NAUTILUS}
    spec = {"containers": [container | {"ports": [{"containerPort": 80, "protocol": "TCP"}]}]}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "update-demo-nautilus"},
        "spec": {
            "replicas": 2,
            "selector": labels,
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def comes_up(kubectl: Kubectl, replicas: int) -> None:
    """As many pods are there, each runs the container of the image."""

    eventually(lambda: ready_pods(kubectl) == replicas)
    template = "--template={{range.items}}{{.metadata.name}} {{end}}"
    names = kubectl("get", "pods", "-o", "template", template, "-l", "name=update-demo").split()
    assert len(names) == replicas
    for name in names:
        for template, expected in ((_RUNS, "true"), (_ITS_IMAGE, _NAUTILUS)):
            assert kubectl("get", "pods", name, "-o", "template", f"--template={template}") == expected


def stops(kubectl: Kubectl, manifest: Any, *selectors: str) -> None:
    """Delete what was created; nothing is left but what ends."""
    kubectl("delete", "--grace-period=0", "--force", "-f", "-", stdin=manifest)
    for selector in selectors:
        eventually(partial(_nothing_is_left, kubectl, selector))


def _nothing_is_left(kubectl: Kubectl, selector: str) -> bool:
    controllers = kubectl("get", "rc,svc", "-l", selector, "--no-headers")
    return not controllers and not kubectl("get", "pods", "-l", selector, "-o", _NOT_ENDING)


@pytest.mark.entry(
    "Kubectl client Update Demo should create and stop a replication controller", without=_NO_PODS
)
def test_update_demo_should_create_and_stop_a_replication_controller(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=update_demo())
    comes_up(kubectl, 2)
    stops(kubectl, update_demo(), "name=update-demo")


@pytest.mark.entry("Kubectl client Update Demo should scale a replication controller", without=_NO_PODS)
def test_update_demo_should_scale_a_replication_controller(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=update_demo())
    comes_up(kubectl, 2)
    for replicas in (1, 2):
        kubectl("scale", "rc", "update-demo-nautilus", f"--replicas={replicas}", "--timeout=5m")
        comes_up(kubectl, replicas)
    stops(kubectl, update_demo(), "name=update-demo")


#: Name, replicas, labels, arguments and port of the parts of the guestbook.
_GUESTBOOK: tuple[tuple[str, int, dict[str, str], list[str], int], ...] = (
    ("agnhost-primary", 1, {"app": "agnhost", "role": "primary", "tier": "backend"}, [], 6379),
    (
        "agnhost-replica",
        2,
        {"app": "agnhost", "role": "replica", "tier": "backend"},
        ["--replicaof", "agnhost-primary"],
        6379,
    ),
    ("frontend", 3, {"app": "guestbook", "tier": "frontend"}, ["--backend-port", "6379"], 80),
)


def guestbook() -> list[dict[str, Any]]:
    """The services first, as in upstream's list of files."""
    services, deployments = [], []
    for name, replicas, labels, arguments, port in _GUESTBOOK:
        metadata = {"name": name, "labels": labels}
        spec = {"ports": [{"port": port}], "selector": labels}
        services.append({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
        container = {
            "name": name,
            "image": _IMAGE,
            "args": ["guestbook", *arguments],
            "resources": {"requests": {"cpu": "100m", "memory": "100Mi"}},
            "ports": [{"containerPort": port}],
        }
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        deployment = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        deployments.append(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": deployment}
        )
    return services + deployments


@pytest.mark.entry(
    "Kubectl client Guestbook application should create and stop a working application",
    without=f"{_NO_PODS}: what the services lead to is looked at, no entry is written",
)
def test_guestbook_should_create_and_stop_a_working_application(kubectl: Kubectl) -> None:
    for manifest in guestbook():
        kubectl("create", "-f", "-", stdin=manifest)
    total = sum(part[1] for part in _GUESTBOOK)
    eventually(lambda: ready_pods(kubectl) == total)
    for name, replicas, labels, _, _ in _GUESTBOOK:
        kubectl("rollout", "status", f"deployment/{name}", "--timeout=30s")
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = {pod["status"]["podIP"] for pod in kubectl.get("pods", "-l", selector)["items"]}
        assert len(pods) == replicas
        eventually(partial(_serves, kubectl, name, pods))
    for manifest in guestbook():
        stops(kubectl, manifest)
    eventually(lambda: not kubectl("get", "pods", "-o", _NOT_ENDING))
    assert not kubectl("get", "deployments,services", "--no-headers")


def _serves(kubectl: Kubectl, service: str, addresses: set[str]) -> bool:
    """Those addresses are the service's ready endpoints."""
    slices = kubectl.get("endpointslices", "-l", f"kubernetes.io/service-name={service}")["items"]
    endpoints = [endpoint for one in slices for endpoint in one["endpoints"] or ()]
    return {each for one in endpoints if one["conditions"]["ready"] for each in one["addresses"]} == addresses
