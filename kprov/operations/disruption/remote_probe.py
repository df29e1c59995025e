"""Starts, reads and stops the probe on a host, where the way to the API is that of a user."""

from __future__ import annotations

import json
import shlex
import time
import uuid
from pathlib import Path
from typing import Any, Self

from kprov.errors import HostError
from kprov.operations.cluster import Cluster
from kprov.operations.remote import run_command, run_kubectl, try_command

_SCRIPT = Path(__file__).with_name("probe.py")
_FOLDER = "/run/kprov"
#: Seconds after which a probe ends by itself, if kprov was killed.
_LIMIT = 1800
#: Requests of each kind, and the time for them, before a disruption may begin.
_WARM_REQUESTS = 5
_WARM_SECONDS = 60.0


class RemoteProbe:
    """A probe on one host; use it in a `with`."""

    def __init__(self, cluster: Cluster, host: str) -> None:
        self.host = host
        self._cluster = cluster
        self._name = f"kprov-disrupt-{uuid.uuid4().hex[:8]}"
        self._output = f"{_FOLDER}/{self._name}.json"

    @property
    def server(self) -> str:
        """Where the users' connections go: to the VIP, or without one to the host's own load balancer."""
        variables = self._cluster.variables[self.host]
        return f"{variables.kube_vip_address or '127.0.0.1'}:{variables.loadbalancer_apiserver_port}"

    def __enter__(self) -> Self:
        script = f"{_FOLDER}/{self._name}.py"
        kubeconfig = f"{self._cluster.variables[self.host].kube_config_dir}/admin.conf"
        words = [script, self.server, kubeconfig, self._name, self._output]
        run_command(
            self._cluster,
            self.host,
            f"mkdir -p {_FOLDER} && cat > {script} && systemd-run --quiet --collect --unit={self._name} "
            f"--property=RuntimeMaxSec={_LIMIT} python3 {shlex.join(words)}",
            _SCRIPT.read_text(encoding="utf-8"),
        )
        self._await_requests()
        return self

    def read(self) -> dict[str, Any]:
        """Return the probe's results so far. Raises HostError."""
        document: dict[str, Any] = json.loads(run_command(self._cluster, self.host, f"cat {self._output}"))
        return document

    def count_lost_writes(self) -> int:
        """Return how many acknowledged writes the API has not, after the last one."""
        acknowledged = self.read()["acknowledged"]
        path = "{.data.number}"
        stored = run_kubectl(
            self._cluster, f"-n kube-system get configmap {self._name} -o jsonpath={shlex.quote(path)}"
        )
        return max(0, int(acknowledged) - int(stored))

    def __exit__(self, *_: object) -> None:
        line = f"systemctl stop {self._name}; rm -f {_FOLDER}/{self._name}.*"
        try_command(self._cluster, self.host, line)
        run_kubectl(self._cluster, f"-n kube-system delete configmap {self._name} --ignore-not-found")

    def _await_requests(self) -> None:
        deadline = time.monotonic() + _WARM_SECONDS
        while True:
            output = try_command(self._cluster, self.host, f"cat {self._output}")
            counts = json.loads(output.stdout) if output.code == 0 else {}
            if counts and min(counts["reads"], counts["writes"]) >= _WARM_REQUESTS:
                return
            if time.monotonic() > deadline:
                log = try_command(
                    self._cluster, self.host, f"journalctl -q -n 3 -o cat -u {self._name}"
                ).stdout
                raise HostError(self.host, f"the probe cannot use the API at {self.server}: {log.strip()}")
            time.sleep(0.5)
