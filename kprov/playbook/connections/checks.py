"""Check literal connection variables of inventory and plays before any connection is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kprov.errors import InputError
from kprov.inventory import host_patterns, variable_files
from kprov.inventory.model import Inventory
from kprov.playbook.model.plays import Block, Play, Task
from kprov.transport.options import literal_checks


def find_play_hosts(inventory: Inventory, plays: Iterable[Play], limit: str | None) -> Iterator[str]:
    """Yield the hosts of plays whose pattern is not a template."""
    for play in plays:
        if "{{" in str(play.hosts):
            continue
        hosts = host_patterns.match_hosts(inventory, play.hosts)
        yield from host_patterns.apply_limit(inventory, hosts, limit) if limit else hosts


def check_hosts(inventory: Inventory, hosts: Iterable[str]) -> None:
    """Raise InputError with file and name for a connection variable with an impossible value."""
    checked = set()
    for host in dict.fromkeys(hosts):
        for name, value in inventory.variables(host).items():
            if (name, str(value)) in checked or (problem := literal_checks.find_problem(name, value)) is None:
                checked.add((name, str(value)))
                continue
            file, line = next(
                (
                    variable_files.variable_place(source, name)
                    for source in reversed(inventory.sources)
                    if name in source and source[name] == value
                ),
                (None, None),
            )
            raise InputError(f"{host}: {problem}", file=file or inventory.path, line=line, field=name)


def check_plays(plays: Iterable[Play]) -> None:
    """Raise InputError with file and line for a become_method that is not supported."""
    for play in plays:
        _check_become_method(play.keywords.get("become_method"), play.file, play.line)
        for section in play.sections:
            _check_nodes(section)
        _check_nodes(play.handlers)


def _check_nodes(nodes: Iterable[Task | Block]) -> None:
    for node in nodes:
        _check_become_method(node.keywords.get("become_method"), node.file, node.line)
        if isinstance(node, Block):
            for inner in (node.tasks, node.rescue, node.always):
                _check_nodes(inner)


def _check_become_method(value: object, file: str, line: int | None) -> None:
    problem = literal_checks.find_problem("ansible_become_method", value)
    if problem is not None:
        raise InputError(problem, file=file, line=line, field="become_method")
