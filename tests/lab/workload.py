"""Objects that the lab tests make: a web server that says which pod answered, and its service."""

from __future__ import annotations

from typing import Any

IMAGE = "kprov.io/probe:1"
SERVE = "mkdir -p /tmp/www && hostname > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"


def web(name: str, replicas: int, **pod_spec: Any) -> dict[str, Any]:
    """A Deployment of busybox's httpd on port 8080."""
    labels = {"app": name}
    container = {
        "name": "web",
        "image": IMAGE,
        "command": ["/bin/sh", "-c", SERVE],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]} | pod_spec,
            },
        },
    }


def service(name: str, *, kind: str = "ClusterIP") -> dict[str, Any]:
    """A Service of the type in front of web(name)."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": kind, "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def pod(name: str, command: str, **spec: Any) -> dict[str, Any]:
    """A pod of one container running a shell command."""
    container = {"name": "main", "image": IMAGE, "command": ["/bin/sh", "-c", command]}
    container |= spec.pop("container", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]} | spec,
    }
