"""Checks that API servers encrypt secrets and write an audit log, where the inventory says so."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from testinfra.host import Host

from kprov.verify.model import Cluster, Finding, VerifyHost

_COMMAND = """
pid=$(systemctl show -p MainPID --value kube-apiserver)
tr '\\0' '\\n' <"/proc/$pid/cmdline"
echo ==
stat --format='%a %U %n' {paths} 2>/dev/null
"""


def check_files(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:  # noqa: ARG001  the protocol
    """Yield a finding for the encryption of secrets, and one for the audit log."""
    config = f"{cluster.config_dir}/encryption-config.yaml"
    output = host.run(_COMMAND.format(paths=shlex.join([config, cluster.audit_log]))).stdout
    flags, _, listing = output.partition("==\n")
    modes = {name: mode for mode, _, name in (line.split(maxsplit=2) for line in listing.splitlines())}
    if cluster.encrypts_secrets:
        yield judge_encryption(config, flags.splitlines(), modes.get(config, ""))
    if cluster.audit_log:
        yield judge_audit_log(cluster.audit_log, flags.splitlines(), modes.get(cluster.audit_log, ""))


def judge_encryption(path: str, flags: list[str], mode: str) -> Finding:
    """Judge the encryption of secrets by the running server's flags and the mode of its file."""
    if f"--encryption-provider-config={path}" not in flags:
        return Finding("encryption of secrets", ok=False, detail="the API server runs without it: kprov up")
    if mode != "600":
        return Finding(path, ok=False, detail=f"mode {mode}, expected 600" if mode else "missing")
    return Finding("encryption of secrets", ok=True, detail=path)


def judge_audit_log(path: str, flags: list[str], mode: str) -> Finding:
    """Judge the audit log by the running server's flags and the mode of the file."""
    if f"--audit-log-path={path}" not in flags:
        return Finding("audit log", ok=False, detail="the API server runs without it: kprov up")
    if not mode:
        return Finding("audit log", ok=False, detail=f"{path} is missing", starting=True)
    if mode != "600":
        return Finding(path, ok=False, detail=f"mode {mode}, expected 600")
    return Finding("audit log", ok=True, detail=path)
