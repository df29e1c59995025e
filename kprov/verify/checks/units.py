"""systemd units: there, enabled, running, not restarting over and over."""

from __future__ import annotations

from collections.abc import Iterator

from testinfra.host import Host

from kprov.verify.model import Cluster, Finding, VerifyHost

UNITS: dict[str, tuple[str, ...]] = {
    "all": ("haproxy",),
    "etcd": ("etcd",),
    "kube_control_plane": ("kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    "kube_node": ("containerd", "pod-network", "kubelet", "kube-proxy", "cluster-dns"),
}
PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "NRestarts")


def check(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:
    """One `systemctl show` for all units, a finding a unit."""
    units = units_of(me, cluster)
    shown = host.check_output(
        "systemctl show --property=%s " + " ".join(f"{unit}.service" for unit in units), ",".join(PROPERTIES)
    )
    for unit, block in zip(units, shown.split("\n\n"), strict=True):
        state = dict(line.split("=", 1) for line in block.strip().splitlines())
        yield judge(unit, state)


def units_of(me: VerifyHost, cluster: Cluster) -> list[str]:
    """Units that this host's groups call for."""
    units = [unit for group, names in UNITS.items() if group == "all" or group in me.groups for unit in names]
    if cluster.vip and "kube_control_plane" in me.groups:
        units.append("keepalived")
    return units


def judge(unit: str, state: dict[str, str]) -> Finding:
    """A unit's state, as systemctl's properties have it, as a finding."""
    active = f"{state['ActiveState']} ({state['SubState']})"
    if state["LoadState"] != "loaded":
        return Finding(unit, ok=False, detail=f"unit is {state['LoadState']}, expected loaded")
    if state["ActiveState"] != "active":
        return Finding(unit, ok=False, detail=f"{active}, result {state['Result']}; expected active")
    if state["UnitFileState"] != "enabled":
        return Finding(
            unit, ok=False, detail=f"{active}, but {state['UnitFileState']}: it won't start at boot"
        )
    restarts = int(state.get("NRestarts") or 0)
    return Finding(unit, ok=True, detail=active + (f", {restarts} restarts" if restarts else ""))
