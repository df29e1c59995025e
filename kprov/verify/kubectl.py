"""Runs kubectl on a control plane host through testinfra, as the administrator."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from testinfra.host import Host


class KubectlError(Exception):
    """kubectl failed; the message is the last line of its standard error."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl on one host, as the administrator whose kubeconfig is in `config_dir` there."""

    host: Host
    config_dir: str
    #: kubectl's default is in the home folder, where it would remain after a reset.
    cache_dir: str
    request_timeout: str

    def run(self, arguments: str, stdin: str | None = None) -> str:
        """Run `kubectl ARGUMENTS` and return its standard output. Raises KubectlError."""
        kubeconfig = shlex.quote(f"{self.config_dir}/admin.conf")
        options = f"--cache-dir={shlex.quote(self.cache_dir)} --request-timeout={self.request_timeout}"
        command = f"kubectl --kubeconfig={kubeconfig} {options} {arguments}"
        if stdin is not None:
            command = f"printf %s {shlex.quote(stdin)} | {command}"
        result = self.host.run(command)
        if result.rc != 0:
            lines = [line for line in result.stderr.splitlines() if line.strip()]
            raise KubectlError(lines[-1] if lines else f"kubectl failed with exit code {result.rc}")
        return str(result.stdout)

    def get(self, arguments: str) -> dict[str, Any]:
        """Return the document of `kubectl get ARGUMENTS`."""
        document: dict[str, Any] = json.loads(self.run(f"get {arguments} -o json"))
        return document
