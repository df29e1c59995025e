"""Runs kubectl on control plane hosts, and etcdctl on etcd's hosts, as root.

The operator's machine may reach the hosts over SSH only, so their APIs are used from the hosts themselves.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from kprov.errors import HostError, KprovError
from kprov.operations.cluster import Cluster

_ETCD_PKI = "/etc/etcd/pki"
#: The exit code of a shell for a program that it does not find.
_NOT_FOUND = 127


class CommandError(HostError):
    """A command failed on a host; the message ends with the last lines of its standard error."""


@dataclass(frozen=True)
class CommandOutput:
    """The end of a command."""

    code: int
    stdout: str
    stderr: str


def try_command(cluster: Cluster, host: str, line: str, stdin: str | None = None) -> CommandOutput:
    """Run a shell command on a host, also in check mode. Raises HostError if the connection is lost."""
    engine = cluster.engine
    agent = engine.connections.get(host).agent(engine.find_become(host))
    args: dict[str, Any] = {"_raw_params": line, "_shell": True}
    if stdin is not None:
        args |= {"stdin": stdin, "stdin_add_newline": False}
    result = agent.run("command", [{"args": args}])[0]
    code = result.get("rc")
    if code is None:  # the command could not be started
        return CommandOutput(1, "", str(result.get("msg", "")))
    return CommandOutput(int(code), result.get("stdout", ""), result.get("stderr", ""))


def run_command(cluster: Cluster, host: str, line: str, stdin: str | None = None) -> str:
    """Run a shell command on a host and return its standard output. Raises CommandError if it fails."""
    output = try_command(cluster, host, line, stdin)
    if output.code != 0:
        # Variables of the command's environment come before its name.
        program = next((word for word in shlex.split(line) if "=" not in word), "")
        # A script may miss another program than the one that it begins with.
        if output.code == _NOT_FOUND and f"{program}: " in output.stderr:
            raise CommandError(host, f"{program} is not installed")
        lines = [text for text in output.stderr.splitlines() or output.stdout.splitlines() if text.strip()]
        reason = "\n".join(lines[-5:]) or "no output"
        raise CommandError(host, f"`{program}` failed with exit code {output.code}: {reason}")
    return output.stdout


def kubectl_line(cluster: Cluster, host: str, arguments: str) -> str:
    """Return the line that runs kubectl as the administrator with the API server of this host."""
    variables = cluster.variables[host]
    return (
        f"kubectl --kubeconfig={shlex.quote(variables.kube_config_dir)}/admin.conf "
        f"--cache-dir={shlex.quote(variables.kubectl_cache_dir)} "
        f"--server=https://127.0.0.1:{variables.kube_apiserver_port} {arguments}"
    )


def find_api_host(cluster: Cluster, exclude: Collection[str] = ()) -> str:
    """Return the first control plane host whose API server is ready. Raises KprovError if there is none."""

    def ask(host: str) -> str:
        timeout = cluster.variables[host].kubectl_request_timeout
        return kubectl_line(cluster, host, f"get --raw=/readyz --request-timeout={timeout}")

    host = _find_host(cluster, "kube_control_plane", ask, exclude)
    if host is None:
        raise KprovError("no API server of the cluster is ready")
    return host


def run_kubectl(
    cluster: Cluster, arguments: str, stdin: str | None = None, *, exclude: Collection[str] = ()
) -> str:
    """Run `kubectl ARGUMENTS` on a host whose API server is ready; return its standard output.

    `exclude` are hosts whose API server must not be used. Raises KprovError.
    """
    host = find_api_host(cluster, exclude)
    return run_command(cluster, host, kubectl_line(cluster, host, arguments), stdin)


def get_objects(cluster: Cluster, arguments: str, *, exclude: Collection[str] = ()) -> dict[str, Any]:
    """Return the document of `kubectl get ARGUMENTS`. Raises KprovError."""
    document: dict[str, Any] = json.loads(run_kubectl(cluster, f"get {arguments} -o json", exclude=exclude))
    return document


def etcdctl_line(
    cluster: Cluster, host: str, arguments: str, endpoint: str = "https://127.0.0.1:2379"
) -> str:
    """Return the line that runs etcdctl on an etcd host, by default with its own member."""
    variables = cluster.variables[host]
    return (
        f"ETCDCTL_API=3 etcdctl --endpoints={endpoint} --cacert={_ETCD_PKI}/ca.crt "
        f"--cert={_ETCD_PKI}/healthcheck-client.crt --key={_ETCD_PKI}/healthcheck-client.key "
        f"--dial-timeout={variables.etcd_dial_timeout} --command-timeout={variables.etcd_command_timeout} "
        f"{arguments}"
    )


def find_etcd_host(cluster: Cluster, exclude: Collection[str] = ()) -> str:
    """Return the first etcd host whose member serves in a quorum. Raises KprovError if there is none."""
    host = _find_host(cluster, "etcd", lambda host: etcdctl_line(cluster, host, "endpoint health"), exclude)
    if host is None:
        raise KprovError("no member of etcd serves in a quorum")
    return host


def _find_host(
    cluster: Cluster, group: str, make_line: Callable[[str], str], exclude: Collection[str]
) -> str | None:
    """Return the first reachable host of the group on which the command succeeds."""
    for host in cluster.members(group):
        if host in exclude or host in cluster.engine.unreachable_hosts:
            continue
        try:
            if try_command(cluster, host, make_line(host)).code == 0:
                return host
        except HostError:
            continue
    return None


def run_etcdctl(cluster: Cluster, arguments: str, *, exclude: Collection[str] = ()) -> str:
    """Run `etcdctl ARGUMENTS` with a member that serves in a quorum; return its standard output."""
    host = find_etcd_host(cluster, exclude)
    return run_command(cluster, host, etcdctl_line(cluster, host, arguments))
