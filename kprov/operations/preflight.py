"""Checks all hosts before anything is changed: reads facts, lets the hosts try things out, judges both."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from kprov.errors import KprovError
from kprov.inventory.cluster.validation import variable_place
from kprov.operations.cluster import (
    Cluster,
    explain_missing_root,
    explain_unsupported,
    open_cluster,
    run_read_only,
)
from kprov.operations.host_answers import read_answer
from kprov.operations.shared_credentials import read_public_keys
from kprov.pki.ensure import load_certificate
from kprov.playbook.results.run_result import Callbacks, RunOptions
from kprov.preflight import requests
from kprov.preflight.check_table import check_names
from kprov.preflight.evaluation import evaluate
from kprov.preflight.facts import HostFacts, HostProbes
from kprov.preflight.fleet import Fleet, PreflightHost
from kprov.preflight.model import Result, Severity

A = TypeVar("A")
T = TypeVar("T")
_INTERNET = frozenset({"dns", "repository"})


class PreflightFailedError(KprovError):
    """A check found an error, so `up` has changed nothing."""

    exit_code = 2


@dataclass(frozen=True)
class Answer:
    """A host's answer to a message; `offset` of its clock from this machine's, in seconds, and its error."""

    answers: dict[str, Any]
    failures: dict[str, str]
    offset: float = 0.0
    error: float = 0.0


def preflight_inventory(
    inventory: Path, options: RunOptions, callbacks: Callbacks, ignore: Collection[str] = ()
) -> list[Result]:
    """Run all checks on the hosts of an inventory. Raises InputError."""
    with open_cluster(inventory, options, callbacks) as cluster:
        ignored = read_ignored(cluster, ignore)
        reached = cluster.engine.reach_hosts(cluster.chosen())
        facts = {connection.host: connection.facts for connection in reached if connection.error is None}
        unreachable = {
            connection.host: connection.error.reason for connection in reached if connection.error is not None
        }
        fleet = gather_fleet(cluster, facts, unreachable)
        return evaluate(try_out(cluster, fleet, ignored, everything=True), ignored)


def preflight_up(
    cluster: Cluster, facts: Mapping[str, dict[str, Any]], callbacks: Callbacks, ignored: Collection[str]
) -> None:
    """Run the checks at the start of `up`. Raises PreflightFailedError with all errors; warns about the rest.

    Hosts try things out only if one of them does not run the cluster yet. With --check, errors are warnings.
    """
    fleet = gather_fleet(cluster, facts, {})
    if not all(host.installed for host in fleet.hosts):
        fleet = try_out(cluster, fleet, ignored, everything=False)
    results = evaluate(fleet, ignored, cluster.chosen())
    errors = summarize(results, Severity.ERROR)
    check = cluster.engine.options.check
    for line in [*(errors if check else []), *summarize(results, Severity.WARNING)]:
        callbacks.warning(line)
    if errors and not check:
        problems = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
        raise PreflightFailedError(
            "\n".join(
                [
                    f"the preflight checks found {problems}, and no host was changed",
                    *(f"  {line}" for line in errors),
                    "  `kprov preflight` shows all checks; --ignore CHECK skips one",
                ]
            )
        )


def read_ignored(cluster: Cluster, ignore: Collection[str]) -> frozenset[str]:
    """Return the checks of --ignore and of the variable preflight_ignore. Raises InputError."""
    file, _ = variable_place(cluster.engine.inventory, "preflight_ignore")
    names = {name for variables in cluster.variables.values() for name in variables.preflight_ignore}
    ignored = check_names(ignore, field="--ignore")
    ignored |= check_names(names, file=file, field="preflight_ignore")
    # With an export, hosts need no other repository.
    return ignored | _INTERNET if cluster.any_variables.offline_export else ignored


def summarize(results: list[Result], severity: Severity) -> list[str]:
    """Return a line for each problem of a severity, which names all hosts that have it."""
    hosts: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        if result.status == severity:
            hosts.setdefault((result.check, result.detail, result.hint), []).append(result.host)
    return [
        f"{', '.join(names)}: {check}: {detail} (hint: {hint})"
        for (check, detail, hint), names in hosts.items()
    ]


def gather_fleet(
    cluster: Cluster, facts: Mapping[str, dict[str, Any]], unreachable: Mapping[str, str]
) -> Fleet:
    """Read the facts of all reached hosts at once."""
    authority = cluster.artifacts / "pki" / "ca.crt"
    known = authority.is_file()
    own = read_public_keys(authority.read_text()) if known else set()

    def read(name: str) -> PreflightHost:
        variables, address = cluster.variables[name], cluster.address(name)
        groups = frozenset(cluster.engine.inventory.group_names(name))
        answer = _ask(cluster, name, requests.request_facts(groups, variables, address))
        allow = variables.kprov_allow_experimental_distributions
        unsupported = explain_unsupported(name, facts[name], allow_experimental=allow)
        not_root = explain_missing_root(name, facts[name])
        with read_answer(name, "preflight"):
            host_facts = HostFacts.model_validate(answer.answers)
        theirs = read_public_keys(host_facts.software.authority)
        return PreflightHost(
            name=name,
            address=address,
            groups=groups,
            variables=variables,
            facts=host_facts,
            python=str(facts[name]["ansible_python_version"]),
            unsupported=_reason(unsupported),
            not_root=_reason(not_root),
            other_authority=bool(theirs) and not theirs & own,
            clock_offset=answer.offset,
            clock_error=answer.error,
            failures=answer.failures,
        )

    return Fleet(
        hosts=tuple(_run_parallel(cluster, list(facts), read)),
        unreachable=unreachable,
        authority_start=load_certificate(authority).not_valid_before_utc.timestamp() if known else None,
        now=time.time(),
    )


def _reason(errors: list[KprovError]) -> str:
    return str(getattr(errors[0], "reason", errors[0])) if errors else ""


def try_out(cluster: Cluster, fleet: Fleet, ignored: Collection[str], *, everything: bool) -> Fleet:
    """Let the hosts measure disks and connect to each other.

    Without `everything`, hosts that run the cluster measure no disks and try no repositories.
    """
    with _listening_hosts(cluster, fleet) as hosts:

        def probe(host: PreflightHost) -> PreflightHost:
            wanted = requests.request_probes(host, hosts, ignored)
            if host.installed and not everything:
                wanted = {name: request for name, request in wanted.items() if name in ("connect", "ping")}
            answer = _ask(cluster, host.name, wanted)
            opened = host.probes.open.model_dump() if host.probes is not None else {}
            with read_answer(host.name, "preflight"):
                probes = HostProbes.model_validate({**answer.answers, "open": opened})
            return replace(host, probes=probes, failures={**host.failures, **answer.failures})

        return replace(fleet, hosts=tuple(_run_parallel(cluster, hosts, probe)))


@contextmanager
def _listening_hosts(cluster: Cluster, fleet: Fleet) -> Iterator[list[PreflightHost]]:
    """Let all hosts listen on the free ports of their components; stop at the end of the block.

    The agents listen: if this program dies, they end with their connections, and the ports are free again.
    """

    def listen(host: PreflightHost) -> PreflightHost:
        answer = _ask(cluster, host.name, requests.request_listeners(host))
        with read_answer(host.name, "preflight"):
            probes = HostProbes.model_validate(answer.answers)
        return replace(host, probes=probes, failures={**host.failures, **answer.failures})

    hosts = list(fleet.hosts)
    try:
        yield _run_parallel(cluster, hosts, listen)
    finally:
        _run_parallel(cluster, hosts, lambda host: _ask(cluster, host.name, {"close": {}}))


def _ask(cluster: Cluster, host: str, wanted: requests.Requests) -> Answer:
    """Send requests to a host in one message; a lost connection is a failure of all of them."""
    if not wanted:
        return Answer({}, {})
    begun = time.time()
    results = run_read_only(cluster, host, "preflight", [{"requests": wanted}])
    now = time.time()
    if not results:
        return Answer({}, {"its answer": "the connection was lost"})
    if results[0].get("failed"):
        return Answer({}, {"its answer": str(results[0].get("msg"))})
    with read_answer(host, "preflight"):
        first, last = map(float, results[0]["times"])
        # As NTP does: the message is assumed to take as long as its answer.
        offset = ((first - begun) + (last - now)) / 2
        error = ((now - begun) - (last - first)) / 2
        answers, errors = dict(results[0]["answers"]), dict(results[0]["errors"])
    return Answer(answers, {str(name): str(text) for name, text in errors.items()}, offset, max(0.0, error))


def _run_parallel(cluster: Cluster, items: list[A], work: Callable[[A], T]) -> list[T]:
    forks = max(1, min(cluster.engine.options.forks, len(items)))
    with ThreadPoolExecutor(max_workers=forks, thread_name_prefix="preflight") as pool:
        return list(pool.map(work, items))
