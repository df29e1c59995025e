"""`kprov verify --profile cis`: looks at all hosts at once and judges the items of the benchmark."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kprov.errors import HostError
from kprov.operations.cluster import Cluster, open_cluster
from kprov.operations.remote import run_command
from kprov.playbook.results.run_result import Callbacks, RunOptions
from kprov.verify.cis.checks import FAIL, Judgement
from kprov.verify.cis.facts import SCRIPT, HostFacts, Paths, read_facts
from kprov.verify.cis.items import ITEMS, Item, list_file_patterns


@dataclass(frozen=True)
class CisResult:
    """The result of an item on the hosts with the same judgement.

    `result`: pass, fail, not applicable, manual.
    """

    number: str
    title: str
    hosts: tuple[str, ...]
    result: str
    evidence: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the entry for `-o json`."""
        return asdict(self)


def judge_cluster(inventory: Path, options: RunOptions, callbacks: Callbacks) -> list[CisResult]:
    """Judge all items on the hosts that --limit selects. A host that cannot be read fails its items."""
    with open_cluster(inventory, options, callbacks) as cluster:
        hosts = cluster.chosen()
        with ThreadPoolExecutor(max_workers=max(1, min(options.forks, len(hosts)))) as pool:
            facts = list(pool.map(lambda host: _read_host(cluster, host), hosts))
        groups = {host: frozenset(cluster.engine.inventory.group_names(host)) for host in hosts}
        return judge_items(dict(zip(hosts, facts, strict=True)), groups)


def judge_items(
    facts: dict[str, HostFacts | HostError], groups: dict[str, frozenset[str]]
) -> list[CisResult]:
    """Return the results of all items in their order; hosts with the same judgement share one."""
    results = []
    for item in ITEMS:
        hosts_by_judgement: dict[Judgement, list[str]] = {}
        for host, known in facts.items():
            if item.group in groups[host]:
                hosts_by_judgement.setdefault(_judge(item, known), []).append(host)
        results += [
            CisResult(
                item.number, item.title, tuple(hosts), judgement.result, judgement.evidence, judgement.reason
            )
            for judgement, hosts in hosts_by_judgement.items()
        ]
    return results


def _judge(item: Item, facts: HostFacts | HostError) -> Judgement:
    if isinstance(facts, HostError):
        return Judgement(FAIL, "the host cannot be read", facts.reason)
    return item.check(facts)


def _read_host(cluster: Cluster, host: str) -> HostFacts | HostError:
    variables = cluster.variables[host]
    paths = Paths(variables.kube_config_dir, variables.kube_cert_dir, variables.etcd_data_dir)
    line = f"python3 -c {shlex.quote(SCRIPT)}"
    try:
        return read_facts(
            lambda stdin: run_command(cluster, host, line, stdin),
            host,
            frozenset(cluster.engine.inventory.group_names(host)),
            paths,
            list_file_patterns(paths),
        )
    except HostError as error:
        return error
