"""Checks that systemd units are loaded, enabled and running."""

from __future__ import annotations

from collections.abc import Iterator

from testinfra.host import Host

from kprov.contract.components.table import list_host_units
from kprov.verify.model import STARTUP_SECONDS, Cluster, Finding, VerifyHost

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "NRestarts",
    "Job",
    "ActiveEnterTimestampMonotonic",
)


def check_units(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:
    """Yield a finding for each unit, from one run of `systemctl show`."""
    units = expected_units(me, cluster)
    properties = host.check_output(
        "cat /proc/uptime && systemctl show --property=%s " + " ".join(f"{unit}.service" for unit in units),
        ",".join(PROPERTIES),
    )
    uptime, _, blocks = properties.partition("\n")
    for unit, block in zip(units, blocks.split("\n\n"), strict=True):
        state = dict(line.split("=", 1) for line in block.strip().splitlines())
        yield judge_unit(unit, state, uptime=float(uptime.split()[0]), startup=cluster.startup_seconds)


def expected_units(me: VerifyHost, cluster: Cluster) -> list[str]:
    """Return the units of this host's groups."""
    return list_host_units(me.groups, cluster.lookup)


def judge_unit(
    unit: str, state: dict[str, str], *, uptime: float, startup: float = STARTUP_SECONDS
) -> Finding:
    """Judge a unit's properties from systemctl.

    uptime: seconds since the host booted; startup: seconds that components need after their units.
    """
    active = f"{state['ActiveState']} ({state['SubState']})"
    if state["LoadState"] != "loaded":
        return Finding(unit, ok=False, detail=f"unit is {state['LoadState']}, expected loaded")
    if state["ActiveState"] != "active":
        detail = f"{active}, result {state['Result']}; expected active"
        # At boot, a unit that waits for others is inactive with a queued job.
        starting = state["ActiveState"] in {"activating", "reloading"} or state.get("Job", "0") not in {
            "",
            "0",
        }
        return Finding(unit, ok=False, detail=detail, starting=starting)
    if state["UnitFileState"] != "enabled":
        return Finding(
            unit, ok=False, detail=f"{active}, but {state['UnitFileState']}: it won't start at boot"
        )
    restarts = int(state.get("NRestarts") or 0)
    active_since = int(state.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    return Finding(
        unit,
        ok=True,
        detail=active + (f", {restarts} restarts" if restarts else ""),
        starting=uptime - active_since < startup,
    )
