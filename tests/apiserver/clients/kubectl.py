"""kubectl as Debian ships it for the hosts, as a process against a server of the tests."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from kprov.kube.machinery import timestamps
from kprov.lab.kubectl import ensure_kubectl
from tests.apiserver.conformance.calls import eventually
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer

#: Another kubectl than Debian's, such as that of the present release.
TESTED = "KPROV_TEST_KUBECTL"
_SECONDS = 60
_ADDRESSES = IPv4Address("10.244.0.1")
_PODS = itertools.count()


class Kubectl:
    """Commands in one namespace, as one user of the static token file."""

    def __init__(self, server: ApiServer, namespace: str = "", token: str = "admin-token") -> None:
        self.server = server
        self.namespace = namespace
        self._config = kubeconfig(server, token)

    def command(self, *arguments: str) -> list[str]:
        cache = self.server.folder / "kubectl-cache"
        scope = [f"--namespace={self.namespace}"] if self.namespace else []
        return [
            os.environ.get(TESTED) or str(ensure_kubectl()),
            f"--kubeconfig={self._config}",
            f"--cache-dir={cache}",
            *scope,
            *arguments,
        ]

    def run(
        self, *arguments: str, stdin: Any = None, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """To its end, however that is. stdin: a text, or an object."""
        text = stdin if isinstance(stdin, str) or stdin is None else json.dumps(stdin)
        return subprocess.run(
            self.command(*arguments), input=text or "", capture_output=True, text=True, timeout=_SECONDS,
            env=os.environ | {"HOME": str(self.server.folder)} | (environment or {}), check=False,
        )  # fmt: skip

    def __call__(self, *arguments: str, **more: Any) -> str:
        """Standard output of what has to succeed."""
        done = self.run(*arguments, **more)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout.strip()

    def refused(self, *arguments: str, **more: Any) -> str:
        """Standard error of what has to fail."""
        done = self.run(*arguments, **more)
        assert done.returncode != 0, (arguments, done.stdout)
        return done.stderr.strip()

    def get(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "-o", "json"))

    def user(self, token: str) -> Kubectl:
        """The same namespace as another user."""
        return Kubectl(self.server, self.namespace, token)


_NUMBERS = itertools.count(1)


def new_namespace(server: ApiServer) -> Kubectl:
    """kubectl in a new namespace that has its default account."""
    name = f"kubectl-{next(_NUMBERS)}"
    assert server.post("/api/v1/namespaces", {"metadata": {"name": name}}).status == 201
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: server.get(account).status == 200)
    return Kubectl(server, name)


def editor(folder: Path, script: str) -> dict[str, str]:
    """The environment whose editor runs sed with that script over the file."""
    program = folder / "editor"
    program.write_text(f"#!/bin/sh\nexec sed -i '{script}' \"$1\"\n")
    program.chmod(0o755)
    return {"KUBE_EDITOR": str(program)}


def ready_pods(kubectl: Kubectl) -> int:
    """Say of each pod that it runs and is ready at an address of its own, as a kubelet would; their number."""
    server, path = kubectl.server, f"/api/v1/namespaces/{kubectl.namespace}/pods"
    items = [item for item in server.get(path).json["items"] if "deletionTimestamp" not in item["metadata"]]
    for item in items:
        if item.get("status", {}).get("phase") != "Running":
            place = f"{path}/{item['metadata']['name']}/status"
            body = {"status": _running(item)}
            server.ask("PATCH", place, body, content_type="application/merge-patch+json")
    return len(items)


def _running(pod: dict[str, Any]) -> dict[str, Any]:
    address = str(_ADDRESSES + next(_PODS))
    containers = [
        {"name": one["name"], "image": one["image"], "ready": True, "started": True, "restartCount": 0}
        | {"imageID": one["image"], "state": {"running": {"startedAt": timestamps.now()}}}
        for one in pod["spec"]["containers"]
    ]
    return {
        "phase": "Running",
        "conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")],
        "containerStatuses": containers,
        "podIP": address,
        "podIPs": [{"ip": address}],
    }
