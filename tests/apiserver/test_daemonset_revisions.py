"""The controller's revisions, read from the server, hold the bytes that upstream's suite compares.

Expected: what upstream's own types, defaults and encoder (1.36) make of the same daemon sets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer, running

SMALL: dict[str, Any] = {
    "metadata": {"labels": {"app": "d"}},
    "spec": {"containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", "a < b && c > d"]}]},
}
SMALL_DATA = rb"""{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"d"}},"spec":{"containers":[{"command":["sh","-c","a \u003c b \u0026\u0026 c \u003e d"],"image":"busybox","imagePullPolicy":"Always","name":"c","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}}"""
LARGE: dict[str, Any] = {
    "metadata": {"labels": {"z": "1", "app": "d"}, "annotations": {"k": "v"}},
    "spec": {
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1.5Gi"}}],
        "containers": [
            {
                "name": "c",
                "image": "busybox:1",
                "ports": [{"containerPort": 80}],
                "env": [{"name": "B"}, {"name": "A", "value": 'é \u2028 "q" \\ \t'}],
                "resources": {"limits": {"memory": "64Mi", "cpu": "100m"}, "requests": {"cpu": "0.05"}},
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                "securityContext": {"runAsUser": 0, "capabilities": {"drop": ["ALL"]}},
            }
        ],
        "tolerations": [{"operator": "Exists"}],
    },
}
LARGE_DATA = r"""{"spec":{"template":{"$patch":"replace","metadata":{"annotations":{"k":"v"},"labels":{"app":"d","z":"1"}},"spec":{"containers":[{"env":[{"name":"B"},{"name":"A","value":"é \u2028 \"q\" \\ \t"}],"image":"busybox:1","imagePullPolicy":"IfNotPresent","name":"c","ports":[{"containerPort":80,"protocol":"TCP"}],"readinessProbe":{"failureThreshold":3,"httpGet":{"path":"/","port":"http","scheme":"HTTP"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1},"resources":{"limits":{"cpu":"100m","memory":"64Mi"},"requests":{"cpu":"50m"}},"securityContext":{"capabilities":{"drop":["ALL"]},"runAsUser":0},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30,"tolerations":[{"operator":"Exists"}],"volumes":[{"emptyDir":{"sizeLimit":"1536Mi"},"name":"v"}]}}}}""".encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with (
        running(tmp_path_factory.mktemp("revisions"), "--disable-admission-plugins=ServiceAccount") as (
            _,
            found,
        ),
        controllers(found, "daemonset-controller"),
    ):
        yield found


@pytest.mark.parametrize(
    ("name", "template", "data"), [("small", SMALL, SMALL_DATA), ("large", LARGE, LARGE_DATA)]
)
def test_a_revision_holds_upstreams_bytes(
    server: ApiServer, name: str, template: dict[str, Any], data: bytes
) -> None:
    labels = template["metadata"]["labels"] = {**template["metadata"]["labels"], "app": name}
    spec = {"selector": {"matchLabels": {"app": labels["app"]}}, "template": template}
    made = server.post(
        "/apis/apps/v1/namespaces/default/daemonsets", {"metadata": {"name": name}, "spec": spec}
    )
    assert made.status == 201, made.body
    expected = b'"data":' + data.replace(b'"app":"d"', b'"app":"%s"' % name.encode())
    body = wait_for_revision(
        server, f"/apis/apps/v1/namespaces/default/controllerrevisions?labelSelector=app={name}"
    )
    assert expected in body


def wait_for_revision(server: ApiServer, path: str) -> bytes:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = server.get(path)
        if answer.json["items"]:
            return answer.body
        time.sleep(0.1)
    raise AssertionError((server.folder / "controllers.log").read_text())
