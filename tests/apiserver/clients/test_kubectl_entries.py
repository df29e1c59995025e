"""Entries of the conformance list that are kubectl against an API server, each in the order of its description."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.component_base import build_info
from tests.apiserver.clients.kubectl import Kubectl, ready_pods
from tests.apiserver.conformance.calls import eventually

IMAGE = "registry.example.org/agnhost:1"
NO_KUBELET = "kubelet: the test says that pods run"


def rc(replicas: int = 1) -> dict[str, Any]:
    labels = {"app": "agnhost", "role": "primary"}
    container = {
        "name": "agnhost-primary",
        "image": IMAGE,
        "ports": [{"containerPort": 6379, "name": "server"}],
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "agnhost-primary", "labels": labels},
        "spec": {"replicas": replicas, "selector": labels, "template": template},
    }


def pod_of_rc(kubectl: Kubectl) -> str:
    """The pod that the rc's controller makes, running."""
    eventually(lambda: ready_pods(kubectl))
    (pod,) = kubectl.get("pods", "-l", "app=agnhost")["items"]
    return str(pod["metadata"]["name"])


@pytest.mark.entry("Kubectl client Kubectl api-versions should check if v1 is in available api versions")
def test_api_versions_should_check_if_v1_is_in_available_api_versions(kubectl: Kubectl) -> None:
    assert "v1" in kubectl("api-versions").splitlines()


@pytest.mark.entry(
    "Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in "
    "cluster-info"
)
def test_cluster_info_should_check_if_control_plane_services_is_included(kubectl: Kubectl) -> None:
    said = re.sub(r"\x1b\[[0-9;]*m", "", kubectl("cluster-info"))
    assert f"Kubernetes control plane is running at {kubectl.server.url}" in said


@pytest.mark.entry(
    "Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods",
    without=NO_KUBELET,
)
def test_describe_should_print_relevant_information_for_rc_and_pods(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=rc())
    kubectl("expose", "rc", "agnhost-primary", "--port=6379", "--target-port=server")
    pod = pod_of_rc(kubectl)
    for line in (
        rf"Name:\s+{pod}",
        rf"Namespace:\s+{kubectl.namespace}",
        r"Labels:\s+app=agnhost",
        "role=primary",
        r"Status:\s+Running",
        r"Controlled By:\s+ReplicationController/agnhost-primary",
        rf"Image:\s+{IMAGE}",
    ):
        assert re.search(line, kubectl("describe", "pod", pod)), line
    for line in (
        r"Name:\s+agnhost-primary",
        rf"Namespace:\s+{kubectl.namespace}",
        r"Selector:\s+app=agnhost,role=primary",
        r"Replicas:\s+\d+ current / 1 desired",
        r"Pods Status:\s+1 Running",
        "Pod Template:",
        rf"Image:\s+{IMAGE}",
    ):
        assert re.search(line, kubectl("describe", "rc", "agnhost-primary")), line
    for line in (
        r"Name:\s+agnhost-primary",
        r"Selector:\s+app=agnhost,role=primary",
        r"Type:\s+ClusterIP",
        r"IP:\s+\S+",
        r"Port:\s+<unset>\s+6379/TCP",
        r"Session Affinity:\s+None",
    ):
        assert re.search(line, kubectl("describe", "service", "agnhost-primary")), line
    server = kubectl.server
    node = {"metadata": {"name": "described"}}
    assert server.post("/api/v1/nodes", node).status == 201
    status = {
        "capacity": {"cpu": "2", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
    }
    patched = server.ask(
        "PATCH",
        "/api/v1/nodes/described/status",
        {"status": status},
        content_type="application/merge-patch+json",
    )
    assert patched.status == 200
    try:
        said = kubectl("describe", "node", "described")
    finally:
        kubectl("delete", "node", "described")
    for line in (
        r"Name:\s+described",
        "Labels:",
        "Annotations:",
        "CreationTimestamp:",
        "Conditions:",
        r"Ready\s+True",
        "Capacity:",
        "Allocatable:",
    ):
        assert re.search(line, said), line
    for line in (rf"Name:\s+{kubectl.namespace}", "Labels:", "Annotations:", r"Status:\s+Active"):
        assert re.search(line, kubectl("describe", "namespace", kubectl.namespace)), line


@pytest.mark.entry(
    "Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments"
)
def test_diff_should_check_if_kubectl_diff_finds_a_difference_for_deployments(kubectl: Kubectl) -> None:
    made = json.loads(
        kubectl("create", "deployment", "d", f"--image={IMAGE}", "--dry-run=client", "-o", "json")
    )
    kubectl("create", "-f", "-", stdin=made)
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.org/busybox:1"
    done = kubectl.run("diff", "-f", "-", stdin=made)
    assert done.returncode == 1, done.stderr
    assert re.search(rf"^-\s+- image: {IMAGE}$", done.stdout, re.MULTILINE)
    assert re.search(r"^\+\s+- image: registry\.example\.org/busybox:1$", done.stdout, re.MULTILINE)


@pytest.mark.entry("Kubectl client Kubectl expose should create services for rc", without=NO_KUBELET)
def test_expose_should_create_services_for_rc(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=rc())
    pod_of_rc(kubectl)

    def exposes(name: str, port: int) -> None:
        ports = kubectl.get("service", name)["spec"]["ports"]
        assert [(one["port"], one["targetPort"]) for one in ports] == [(port, 6379)]

    kubectl("expose", "rc", "agnhost-primary", "--name=rm2", "--port=1234", "--target-port=6379")
    exposes("rm2", 1234)
    kubectl("expose", "service", "rm2", "--name=rm3", "--port=2345", "--target-port=6379")
    exposes("rm3", 2345)


@pytest.mark.entry("Kubectl client Kubectl label should update the label on a resource", without=NO_KUBELET)
def test_label_should_update_the_label_on_a_resource(kubectl: Kubectl) -> None:
    kubectl("run", "pause", f"--image={IMAGE}")
    ready_pods(kubectl)
    kubectl("label", "pods", "pause", "testing-label=testing-label-value")
    assert "testing-label-value" in kubectl("get", "pod", "pause", "-L", "testing-label")
    assert "pause" in kubectl("get", "pods", "-l", "testing-label=testing-label-value")
    kubectl("label", "pods", "pause", "testing-label-")
    assert "testing-label-value" not in kubectl("get", "pod", "pause", "-L", "testing-label")
    assert "pause" not in kubectl("get", "pods", "-l", "testing-label")


@pytest.mark.entry("Kubectl client Kubectl patch should add annotations for pods in rc", without=NO_KUBELET)
def test_patch_should_add_annotations_for_pods_in_rc(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=rc())
    pod_of_rc(kubectl)
    names = kubectl("get", "pods", "-l", "app=agnhost", "-o", "name").splitlines()
    assert names
    for name in names:
        kubectl("patch", name, "-p", '{"metadata":{"annotations":{"x":"y"}}}')
    for pod in kubectl.get("pods", "-l", "app=agnhost")["items"]:
        assert pod["metadata"]["annotations"]["x"] == "y"


@pytest.mark.entry(
    "Kubectl client Kubectl replace should update a single-container pod's image", without=NO_KUBELET
)
def test_replace_should_update_a_single_container_pods_image(kubectl: Kubectl) -> None:
    kubectl(
        "run", "e2e-test-httpd-pod", "--image=registry.example.org/httpd:1", "--labels=run=e2e-test-httpd-pod"
    )
    ready_pods(kubectl)
    pod = kubectl.get("pod", "e2e-test-httpd-pod")
    pod["spec"]["containers"][0]["image"] = "registry.example.org/busybox:1"
    kubectl("replace", "-f", "-", stdin=pod)
    changed = kubectl.get("pod", "e2e-test-httpd-pod")
    assert changed["spec"]["containers"][0]["image"] == "registry.example.org/busybox:1"
    assert changed["metadata"]["uid"] == pod["metadata"]["uid"]


@pytest.mark.entry(
    "Kubectl client Kubectl run pod should create a pod from an image when restart is Never",
    without="kubelet",
)
def test_run_pod_should_create_a_pod_from_an_image_when_restart_is_never(kubectl: Kubectl) -> None:
    kubectl("run", "e2e-test-httpd-pod", "--restart=Never", "--pod-running-timeout=2m0s", f"--image={IMAGE}")
    spec = kubectl.get("pod", "e2e-test-httpd-pod")["spec"]
    assert [one["image"] for one in spec["containers"]] == [IMAGE]
    assert spec["restartPolicy"] == "Never"


@pytest.mark.entry(
    "Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods",
    without=NO_KUBELET,
)
def test_server_side_dry_run_should_check_if_kubectl_can_dry_run_update_pods(kubectl: Kubectl) -> None:
    kubectl("run", "e2e-test-httpd-pod", f"--image={IMAGE}", "--labels=run=e2e-test-httpd-pod")
    ready_pods(kubectl)
    assert len(kubectl.get("pods", "-l", "run=e2e-test-httpd-pod")["items"]) == 1
    container = {"name": "e2e-test-httpd-pod", "image": "registry.example.org/busybox:1"}
    patch = json.dumps({"spec": {"containers": [container]}})
    assert "patched" in kubectl("patch", "pod", "e2e-test-httpd-pod", "-p", patch, "--dry-run=server")
    assert kubectl.get("pod", "e2e-test-httpd-pod")["spec"]["containers"][0]["image"] == IMAGE


@pytest.mark.entry("Kubectl client Kubectl version should check is all data is printed")
def test_version_should_check_is_all_data_is_printed(kubectl: Kubectl) -> None:
    versions = json.loads(kubectl("version", "-o", "json"))
    for side in ("clientVersion", "serverVersion"):
        found = versions[side]
        for name in ("major", "minor", "gitVersion", "buildDate", "goVersion", "compiler"):
            assert found.get(name), (side, name)
        assert found["platform"].startswith("linux/")
    server = versions["serverVersion"]
    if build_info.get_build_info().commit:
        assert re.fullmatch("[0-9a-f]{40}", server["gitCommit"])
        assert server["gitTreeState"] in {"clean", "dirty", "archive"}


class _Socket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))


@contextmanager
def proxy(kubectl: Kubectl, *flags: str) -> Iterator[str]:
    """What `kubectl proxy` says of where it listens; it ends with the block."""
    process = subprocess.Popen(kubectl.command("proxy", *flags), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def versions(connection: http.client.HTTPConnection) -> list[str]:
    connection.request("GET", "/api/")
    with connection.getresponse() as answer:
        assert answer.status == 200
        found: list[str] = json.load(answer)["versions"]
    connection.close()
    return found


@pytest.mark.entry("Kubectl client Proxy server should support proxy with --port 0")
def test_proxy_server_should_support_proxy_with_port_0(kubectl: Kubectl) -> None:
    with proxy(kubectl, "--port=0", "--disable-filter") as said:
        found = re.fullmatch(r"Starting to serve on 127\.0\.0\.1:(\d+)", said)
        assert found is not None, said
        assert versions(http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30))


@pytest.mark.entry("Kubectl client Proxy server should support --unix-socket=/path")
def test_proxy_server_should_support_unix_socket(kubectl: Kubectl, tmp_path: Path) -> None:
    path = tmp_path / "proxy"
    with proxy(kubectl, f"--unix-socket={path}") as said:
        assert said == f"Starting to serve on {path}"
        assert versions(_Socket(path))
