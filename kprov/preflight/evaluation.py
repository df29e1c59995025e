"""Runs the checks over the facts."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kprov.preflight.check_table import CHECKS, REACHABLE
from kprov.preflight.fleet import Fleet
from kprov.preflight.model import Check, Problem, Result, Severity


def evaluate(
    fleet: Fleet, ignored: Collection[str] = (), hosts: Collection[str] | None = None
) -> list[Result]:
    """Return a result for each unreachable host, problem, and passed check; `hosts`: only theirs."""
    results = [
        Result(
            name,
            REACHABLE,
            Severity.ERROR,
            reason,
            "correct ansible_host, the login or the network",
        )
        for name, reason in fleet.unreachable.items()
    ]
    for check in CHECKS:
        if check.name not in ignored:
            results += _evaluate_check(check, fleet)
    return [result for result in results if hosts is None or result.host in hosts]


def _evaluate_check(check: Check, fleet: Fleet) -> Iterator[Result]:
    problems_by_host: dict[str, list[Problem]] = {}
    for problem in check.find(fleet):
        problems_by_host.setdefault(problem.host, []).append(problem)
    for host in fleet.hosts:
        problems = problems_by_host.get(host.name, [])
        for problem in problems:
            severity = problem.severity or check.severity
            if severity is Severity.ERROR and host.installed and not check.blocks_installed:
                severity = Severity.WARNING
            yield Result(host.name, check.name, severity, problem.detail, problem.hint or check.hint)
        if not problems:
            skipped = check.probes and host.probes is None
            yield Result(host.name, check.name, "skipped" if skipped else "ok")
