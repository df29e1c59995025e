"""What a restore does on the hosts: exchange the data of stopped members, stop and start components.

Each step may be repeated. The folder of a member's data has, during a restore:
  member                       the data that etcd uses
  .restore-TOKEN/data/member   the restored data, until the exchange
  .restore-TOKEN/.complete     exists as soon as all of the restored data is there
  before-restore-TOKEN/member  the data from before the exchange
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

from kprov.contract.components.table import list_components
from kprov.errors import HostError, KprovError
from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.etcd.status import read_members
from kprov.operations.remote import etcdctl_line, kubectl_line, run_command, try_command

T = TypeVar("T")

#: Bytes that must be free on a member's disk beside two copies of the snapshot.
_RESERVE = 64 << 20

_STATE = """
[ -e {data}/.restore-{token}/.complete ] && echo restored
[ -e {data}/.restore-{token}/.complete ] && [ ! -e {data}/.restore-{token}/data/member ] && echo exchanged
[ -e {data}/before-restore-{token} ] && echo kept
true
"""
_EXCHANGE = """
set -e
cd {data}
[ -e .restore-{token}/.complete ] || {{ echo "the restored data is missing" >&2; exit 1; }}
[ -e .restore-{token}/data/member ] || exit 0
systemctl disable --quiet --now etcd
[ "$(systemctl show -p MainPID --value etcd)" = 0 ] || {{ echo "etcd still runs" >&2; exit 1; }}
if [ -e member ]; then
  install -d -o etcd -g etcd -m 700 before-restore-{token}
  mv -T member before-restore-{token}/member
fi
mv -T .restore-{token}/data/member member
sync -f member
"""


@dataclass(frozen=True)
class MemberState:
    """How far the restore is on a host."""

    restored: bool
    exchanged: bool
    kept: bool


def _list_units(restore: Literal["stop", "restart"]) -> list[str]:
    """Return the units that a restore stops before, and those that it restarts afterwards.

    The latter watch the API: they know revisions that the restored cluster does not have.
    """
    return [component.name for component in list_components() if component.restore == restore]


def on_all(hosts: Iterable[str], work: Callable[[str], T]) -> list[T]:
    """Call `work` for all hosts at the same time; return the results in the hosts' order."""
    hosts = list(hosts)
    with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
        return list(pool.map(work, hosts))


def find_missing_hosts(cluster: Cluster) -> list[str]:
    """Return the reachable hosts that lack a component of their groups."""

    def is_missing(host: str) -> bool:
        groups = frozenset(cluster.engine.inventory.group_names(host))
        paths = [
            component.own_file
            for component in list_components()
            if component.health_gate and component.belongs_to(groups)
        ]
        line = " && ".join(f"test -e {path}" for path in paths)
        return try_command(cluster, host, line).code != 0

    reachable = cluster.engine.unreachable_hosts
    hosts = [host for host in cluster.members(*GROUPS) if host not in reachable]
    return [host for host, missing in zip(hosts, on_all(hosts, is_missing), strict=True) if missing]


def read_state(cluster: Cluster, host: str, token: str) -> MemberState:
    """Return how far the restore is on a host."""
    words = run_command(cluster, host, _render(cluster, host, token, _STATE)).split()
    return MemberState(*(word in words for word in ("restored", "exchanged", "kept")))


def check_space(cluster: Cluster, host: str, size: int) -> None:
    """Raise HostError if the host has no space for the snapshot and the restored data beside the old one."""
    folder = shlex.quote(str(cluster.variables[host].etcd_data_dir))
    free = int(run_command(cluster, host, f"df --output=avail -B1 {folder} | tail -1"))
    needed = 2 * size + _RESERVE
    if free < needed:
        raise HostError(
            host,
            f"{cluster.variables[host].etcd_data_dir} has {free >> 20} MiB free, and the restored data needs "
            f"{needed >> 20} MiB beside the old data: make space on this disk",
        )


def stop_control_plane(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Stop API servers, controller managers and schedulers at the same time."""
    units = " ".join(reversed(_list_units("stop")))
    line = f"for unit in {units}; do ! systemctl cat $unit >/dev/null 2>&1 || systemctl stop $unit; done"
    on_all(hosts, lambda host: run_command(cluster, host, line))


def stop_etcd(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Stop the members, and keep them stopped if a host restarts: members with old data must not vote.

    The leader is last. It hands its part to another member first, and waits seven seconds for one that stops.
    """
    line = "systemctl disable --quiet --now etcd && systemctl reset-failed etcd 2>/dev/null; true"
    hosts = list(hosts)
    leaders = {member.host for member in read_members(cluster) if member.leader}
    on_all([host for host in hosts if host not in leaders], lambda host: run_command(cluster, host, line))
    on_all([host for host in hosts if host in leaders], lambda host: run_command(cluster, host, line))


def exchange_data(cluster: Cluster, host: str, token: str) -> None:
    """Put the restored data in the place of the old one, which is kept beside it. etcd must be stopped."""
    run_command(cluster, host, _render(cluster, host, token, _EXCHANGE))


def start_etcd(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Start the members without waiting: each becomes ready with the others."""
    line = "systemctl enable --quiet etcd && systemctl start --no-block etcd"
    on_all(hosts, lambda host: run_command(cluster, host, line))


def find_etcd_problems(cluster: Cluster, hosts: Iterable[str]) -> list[str]:
    """Return the members that do not serve in a quorum, a line each. One with the alarm NOSPACE does."""

    def ask(host: str) -> list[str]:
        output = try_command(cluster, host, etcdctl_line(cluster, host, "get kprov-health"))
        return [] if output.code == 0 else [f"{host}: etcd does not serve: journalctl -u etcd"]

    return [problem for problems in on_all(hosts, ask) for problem in problems]


def start_control_plane(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Start API servers, controller managers and schedulers on all hosts."""
    line = f"systemctl start --no-block {' '.join(_list_units('stop'))}"
    on_all(hosts, lambda host: run_command(cluster, host, line))


def find_api_problems(cluster: Cluster, hosts: Iterable[str]) -> list[str]:
    """Return the hosts whose API server is not ready, a line each."""

    def ask(host: str) -> list[str]:
        timeout = cluster.variables[host].kubectl_request_timeout
        line = kubectl_line(cluster, host, f"get --raw=/readyz --request-timeout={timeout}")
        return [] if try_command(cluster, host, line).code == 0 else [f"{host}: the API server is not ready"]

    return [problem for problems in on_all(hosts, ask) for problem in problems]


def restart_watchers(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Restart the components of nodes that run."""
    line = (
        f"for unit in {' '.join(_list_units('restart'))}; do "
        "! systemctl is-active --quiet $unit || systemctl restart $unit || exit; done"
    )
    on_all(hosts, lambda host: run_command(cluster, host, line))


def remove_work(cluster: Cluster, host: str, token: str, *, keep_old: bool) -> None:
    """Remove the restore's folder, and the old data unless it is kept. The restored data must be in use."""
    state = read_state(cluster, host, token)
    if state.restored and not state.exchanged:
        raise KprovError(f"{host}: the restored data is not in use")
    paths = [f"{{data}}/.restore-{token}"] + ([] if keep_old else [f"{{data}}/before-restore-{token}"])
    line = " ".join(["rm -rf", *paths])
    run_command(cluster, host, _render(cluster, host, token, line))


def _render(cluster: Cluster, host: str, token: str, script: str) -> str:
    folder = shlex.quote(str(cluster.variables[host].etcd_data_dir))
    return script.format(data=folder, token=token)
