"""Runs chosen checks on one host: those whose `AREA/CHECK` matches a pattern, such as `units/etcd`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

from testinfra.host import Host

from kprov.errors import InputError
from kprov.verify import runner
from kprov.verify.checks import probe
from kprov.verify.model import CheckResult, Cluster, VerifyHost
from kprov.verify.startup import Startup

#: Runs the checks of one area.
Look = Callable[[], list[CheckResult]]


def run_selected(
    me: VerifyHost, host: Host, cluster: Cluster, patterns: Sequence[str], *, wait: float
) -> list[CheckResult]:
    """Run the areas that the patterns name; return the results that match a pattern.

    Areas of the cluster (nodes, leaders, unenforced, probe) need a control plane host.
    wait: seconds to wait at most for components that are starting; see startup.py.

    Raises:
        InputError: a pattern matches no check of this host. A test with it could not fail.

    """
    startup = Startup(wait)

    def look_at_units() -> list[CheckResult]:
        unit_results = runner.check_area(runner.UNITS, me, host, cluster)
        # Any running unit shows whether components are starting. Units that no pattern names may be missing.
        startup.observe([result for result in unit_results if result.ok])
        return select(unit_results, patterns)

    results = startup.check_until_started(look_at_units)
    for area, look in _list_areas(me, host, cluster, wait):
        if any(fnmatchcase(area, _area(pattern)) for pattern in patterns):
            results += startup.check_until_started(functools.partial(_look, look, patterns))
    _reject_idle_patterns(me, patterns, results)
    return results


def _list_areas(me: VerifyHost, host: Host, cluster: Cluster, wait: float) -> Iterator[tuple[str, Look]]:
    """Yield the areas after the units, each with the function that returns its results."""
    kubectl = runner.make_kubectl(host, cluster) if "kube_control_plane" in me.groups else None
    for area in runner.host_areas(runner.NodeFacts(kubectl)):
        if area.concerns(me):
            yield area.name, functools.partial(runner.check_area, area, me, host, cluster)
    if kubectl is not None:
        checks = {**runner.CLUSTER_AREAS, "probe": probe.make_check(frozenset(), wait)}
        for name, check in checks.items():
            read = functools.partial(check, kubectl, cluster)
            yield name, functools.partial(runner.collect_results, "cluster", name, read)


def _look(look: Look, patterns: Sequence[str]) -> list[CheckResult]:
    return select(look(), patterns)


def select(results: Sequence[CheckResult], patterns: Sequence[str]) -> list[CheckResult]:
    """Return the results that match a pattern, and failures of a named area as a whole."""
    return [
        result
        for result in results
        if any(
            fnmatchcase(f"{result.area}/{result.name}", pattern)
            or (_is_broken(result) and fnmatchcase(result.area, _area(pattern)))
            for pattern in patterns
        )
    ]


def _area(pattern: str) -> str:
    return pattern.partition("/")[0]


def _is_broken(result: CheckResult) -> bool:
    """Whether the area's check ended with an error, so that none of its results are known."""
    return result.name == "check" and not result.ok


def _reject_idle_patterns(me: VerifyHost, patterns: Sequence[str], results: Sequence[CheckResult]) -> None:
    for pattern in patterns:
        if not select(results, [pattern]):
            raise InputError(f"{pattern!r} matches no check of {me.name}", field="checks")
