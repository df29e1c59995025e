"""Checks etcd: all members present and healthy, one leader, no alarms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from testinfra.host import Host

from kprov.verify.model import Cluster, Finding, VerifyHost

_ETCDCTL = (
    "ETCDCTL_API=3 etcdctl --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/healthcheck-client.crt "
    "--key=/etc/etcd/pki/healthcheck-client.key --write-out=json "
)


def check_member(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:
    """Check a member: its health, the members that it knows, and its leader."""
    etcdctl = (
        f"{_ETCDCTL} --dial-timeout={cluster.etcd_dial_timeout} "
        f"--command-timeout={cluster.etcd_command_timeout} --endpoints=https://{me.address}:2379"
    )
    status = host.run(f"{etcdctl} endpoint status")
    if status.rc != 0:
        yield Finding("member", ok=False, detail=_error_text(status.stderr), starting=True)
        return
    yield from judge_status(json.loads(status.stdout)[0]["Status"])
    members = host.run(f"{etcdctl} member list")
    if members.rc != 0:
        yield Finding("quorum", ok=False, detail=_error_text(members.stderr), starting=True)
        return
    yield judge_members(json.loads(members.stdout)["members"], set(cluster.etcd_addresses))


def judge_status(status: dict[str, Any]) -> Iterator[Finding]:
    """Judge `etcdctl endpoint status` of one member."""
    leader = status.get("leader", 0)
    detail = f"{leader:x}" if leader else "no leader: the quorum is lost"
    yield Finding("leader", ok=bool(leader), detail=detail, starting=not leader)
    errors = status.get("errors") or []
    size = int(status.get("dbSize", 0)) // 1024
    yield Finding("member", ok=not errors, detail="; ".join(errors) or f"{status['version']}, {size} KiB")


def judge_members(members: list[dict[str, Any]], addresses: set[str]) -> Finding:
    """Compare `etcdctl member list` with the inventory's etcd hosts."""
    peer_addresses = {
        url.split("//")[1].rsplit(":", 1)[0] for member in members for url in member["peerURLs"]
    }
    unstarted = [member["peerURLs"][0] for member in members if not member.get("name")]
    if peer_addresses != addresses:
        missing, extra = sorted(addresses - peer_addresses), sorted(peer_addresses - addresses)
        return Finding("quorum", ok=False, detail=f"members missing: {missing}, unknown: {extra}")
    if unstarted:
        detail = f"members never started: {', '.join(unstarted)}"
        return Finding("quorum", ok=False, detail=detail, starting=True)
    return Finding("quorum", ok=True, detail=f"{len(members)} members")


def _error_text(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    if not lines:
        return "etcdctl failed without an error message"
    try:
        return str(json.loads(lines[0]).get("error") or lines[-1])
    except ValueError:
        return lines[-1]
