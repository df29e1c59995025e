"""Validates a cluster's inventory before any connection; reports all problems at once."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from kprov import suggestions
from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.inventory.cluster import cluster_hosts, kubespray_variables, variable_effects
from kprov.inventory.cluster.variable_errors import describe_error
from kprov.inventory.cluster.variables import ClusterVariables
from kprov.inventory.model import Inventory

#: kubespray's groups and Ansible's own.
GROUPS = (
    "all",
    "ungrouped",
    "kube_control_plane",
    "etcd",
    "kube_node",
    "k8s_cluster",
    "calico_rr",
    "bastion",
    "no_floating",
)
#: The groups whose hosts run components.
MEMBERS = ("kube_control_plane", "etcd", "kube_node")
Resolve = Callable[[str], Mapping[str, Any]]


#: Hosts that a problem names.
_NAMED_HOSTS = 5


class _HostVariableError(InputError):
    """A variable that a host cannot have."""

    def __init__(
        self, reason: str, host: str, *, file: str | None, line: int | None, field: str | None
    ) -> None:
        super().__init__(reason, file=file, line=line, field=field)
        self.host = host


def validate(
    inventory: Inventory, resolve: Resolve | None = None, extra_vars: Mapping[str, Any] | None = None
) -> dict[str, ClusterVariables]:
    """Return the known variables of every host. Raises one InputError with a line for each problem.

    `resolve(host)` gives templated variables (the engine's `host_scope`); without it
    texts with templates are skipped. `extra_vars` are variables of the command line.
    """
    kubespray_variables.adapt_inventory(inventory, extra_vars or {})
    with inventory.resolve_once():
        problems, variables_by_host = _find_problems(inventory, resolve)
    unique = _merge_hosts(problems)
    if len(unique) == 1:
        raise unique[0]
    if unique:
        raise InputError(
            f"{len(unique)} problems in the inventory {inventory.path}\n"
            + "\n".join(f"  {problem}" for problem in unique)
        )
    return variables_by_host


def _merge_hosts(problems: Iterable[InputError]) -> list[InputError]:
    """Return each problem once, with all hosts that have it."""
    hosts: dict[str, list[str]] = {}
    unique: dict[str, InputError] = {}
    for problem in problems:
        unique.setdefault(str(problem), problem)
        if isinstance(problem, _HostVariableError):
            hosts.setdefault(str(problem), []).append(problem.host)
    merged = []
    for text, problem in unique.items():
        names = hosts.get(text)
        if names is None:
            merged.append(problem)
            continue
        more = f" and {len(names) - _NAMED_HOSTS} more" if len(names) > _NAMED_HOSTS else ""
        named = f"{'host' if len(names) == 1 else 'hosts'} {', '.join(names[:_NAMED_HOSTS])}{more}"
        reason = f"{problem.reason} ({named})"
        merged.append(InputError(reason, file=problem.file, line=problem.line, field=problem.field))
    return merged


def _find_problems(
    inventory: Inventory, resolve: Resolve | None
) -> tuple[list[InputError], dict[str, ClusterVariables]]:
    """Return all problems, and the known variables of every host."""
    problems: list[InputError] = []
    _check_groups(inventory, problems)
    _check_members(inventory, problems)
    variables_by_host = {
        host: _check_variables(inventory, host, resolve, problems) for host in inventory.hosts
    }
    _check_refused_variables(inventory, resolve, problems)
    _check_addresses(inventory, resolve, problems)
    for variables in variables_by_host.values():
        _check_networks(inventory, variables, variables_by_host, resolve, problems)
    nodes = {host for group in MEMBERS for host in inventory.members(group)}
    problems += cluster_hosts.find_problems(
        inventory,
        {host: variables for host, variables in variables_by_host.items() if host in nodes},
        lambda host, name: _resolve_value(inventory, host, resolve, name),
        variable_place,
    )
    return problems, variables_by_host


def variable_place(inventory: Inventory, name: str, host: str | None = None) -> tuple[str | None, int | None]:
    """Return file and line of the value that a host has, or the option for one of the command line.

    Without a host it is the value of the first host that has one. Of several files that set a variable only
    the one with precedence has it.
    """
    if name in inventory.extra_vars:
        return "--extra-vars", None
    sources = [
        source for source in inventory.sources if isinstance(source, yaml_file.Mapping) and name in source
    ]
    for known_host in [host] if host is not None else inventory.hosts:
        written = inventory.written_variables(known_host)
        for source in reversed(sources):
            if name in written and source[name] is written[name]:
                return source.file, source.lines.get(name)
    return (sources[-1].file, sources[-1].lines.get(name)) if sources else (str(inventory.path), None)


def _check_groups(inventory: Inventory, problems: list[InputError]) -> None:
    for group in inventory.groups.values():
        above = _ancestors(inventory, group.name)
        below = _descendants(inventory, group.name)
        if group.name in GROUPS or (above | below) & set(GROUPS) - {"all"}:
            continue
        # Users may define groups of the cluster's hosts to set variables.
        hosts = set(inventory.members(group.name))
        close = suggestions.closest(group.name, GROUPS[2:])
        members = {host for name in MEMBERS for host in inventory.members(name)}
        if hosts <= members and not close:
            continue
        hint = (
            f"; did you mean {close!r}?"
            if close
            else f"; kprov knows {', '.join(GROUPS[2:6])}, and other groups that contain only hosts of these"
        )
        problems.append(
            InputError(
                f"unknown group{hint}", file=group.file or inventory.path, line=group.line, field=group.name
            )
        )


def _ancestors(inventory: Inventory, name: str) -> set[str]:
    return {
        up for parent in inventory.groups[name].parents for up in {parent} | _ancestors(inventory, parent)
    }


def _descendants(inventory: Inventory, name: str) -> set[str]:
    return {
        down for child in inventory.groups[name].children for down in {child} | _descendants(inventory, child)
    }


def _check_members(inventory: Inventory, problems: list[InputError]) -> None:
    for name in MEMBERS:
        hosts = inventory.members(name)
        group = inventory.groups.get(name)
        file, line = (group.file or inventory.path, group.line) if group else (inventory.path, None)
        if not hosts:
            problems.append(
                InputError(
                    "the group has no hosts; a cluster needs at least one", file=file, line=line, field=name
                )
            )
        elif name == "etcd" and len(hosts) % 2 == 0:
            text = f"etcd needs an odd number of hosts for a quorum, not {len(hosts)}: {', '.join(hosts)}"
            problems.append(InputError(text, file=file, line=line, field=name))


def _check_variables(
    inventory: Inventory, host: str, resolve: Resolve | None, problems: list[InputError]
) -> ClusterVariables:
    raw = inventory.variables(host)
    values: dict[str, Any] = {}
    for name in ClusterVariables.model_fields:
        if name not in raw:
            continue
        value = raw[name]
        if "{{" in str(value) or "{%" in str(value):
            if resolve is None:
                continue
            try:
                value = _resolve_variables(resolve(host), name)
            except InputError as error:
                file, line = variable_place(inventory, name, host)
                problems.append(_HostVariableError(error.reason, host, file=file, line=line, field=name))
                continue
        values[name] = value
    try:
        return ClusterVariables.model_validate(values)
    except ValidationError as error:
        for entry in error.errors():
            name = str(entry["loc"][0])
            file, line = variable_place(inventory, name, host)
            problems.append(InputError(describe_error(entry), file=file, line=line, field=name))
            values.pop(name, None)
        try:
            return ClusterVariables.model_validate(values)
        except ValidationError:
            return ClusterVariables()


def _check_refused_variables(
    inventory: Inventory, resolve: Resolve | None, problems: list[InputError]
) -> None:
    """Check variables whose values kprov does not support."""
    for host in inventory.hosts:
        raw = inventory.variables(host)
        for name in (*variable_effects.load_table().refused, *variable_effects.load_table().installed):
            value = raw.get(name)
            if isinstance(value, str) and "{{" in value:
                try:
                    value = _resolve_variables(resolve(host), name) if resolve is not None else None
                except InputError as error:
                    problems.append(error)
                    continue
            reason = variable_effects.find_conflict(name, value)
            if reason is not None:
                file, line = variable_place(inventory, name, host)
                problems.append(InputError(reason, file=file, line=line, field=name))


def _resolve_variables(scope: Mapping[str, Any], name: str) -> Any:
    value = scope[name]
    undefined = getattr(value, "_undefined_message", None)
    if undefined is not None:
        raise InputError(str(undefined))
    return value


def _resolve_value(inventory: Inventory, host: str, resolve: Resolve | None, name: str) -> Any:
    """Return a host's rendered variable; None if it is not set or cannot be rendered."""
    value = inventory.variables(host).get(name)
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        try:
            return _resolve_variables(resolve(host), name) if resolve else None
        except InputError:
            return None
    return value


def _address_of(inventory: Inventory, host: str, resolve: Resolve | None, name: str) -> str | None:
    value = _resolve_value(inventory, host, resolve, name)
    return str(value) if value is not None else None


def _check_addresses(inventory: Inventory, resolve: Resolve | None, problems: list[InputError]) -> None:
    for name in ("ansible_host", "ip"):
        seen: dict[tuple[str, str], str] = {}
        nodes = {host for group in MEMBERS for host in inventory.members(group)}
        for host in inventory.hosts:
            if host not in nodes:
                continue
            address = _address_of(inventory, host, resolve, name)
            if address is None:
                continue
            port = str(inventory.variables(host).get("ansible_port", 22)) if name == "ansible_host" else ""
            other = seen.setdefault((address, port), host)
            if other != host:
                file, line = (
                    inventory.hosts[host].places[0]
                    if inventory.hosts[host].places
                    else (str(inventory.path), None)
                )
                problems.append(
                    InputError(
                        f"{other} and {host} have the same address {address}",
                        file=file,
                        line=line,
                        field=name,
                    )
                )


def _check_networks(
    inventory: Inventory,
    variables: ClusterVariables,
    everybody: Mapping[str, ClusterVariables],
    resolve: Resolve | None,
    problems: list[InputError],
) -> None:
    pods, services = variables.kube_pods_subnet, variables.kube_service_addresses
    file, line = variable_place(inventory, "kube_pods_subnet")
    if pods.version == services.version and pods.overlaps(services):
        problems.append(
            InputError(
                f"{pods} and kube_service_addresses {services} overlap",
                file=file,
                line=line,
                field="kube_pods_subnet",
            )
        )
    for name, network in (("kube_pods_subnet", pods), ("kube_service_addresses", services)):
        _check_overlaps(inventory, name, network, variables, everybody, resolve, problems)
    _check_node_prefix(inventory, variables, problems)
    if services.num_addresses < 16:
        where = variable_place(inventory, "kube_service_addresses")
        problems.append(
            InputError(
                f"{services} is too small for a cluster's services; /28 or larger",
                file=where[0],
                line=where[1],
                field="kube_service_addresses",
            )
        )


def _check_overlaps(
    inventory: Inventory,
    name: str,
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
    variables: ClusterVariables,
    everybody: Mapping[str, ClusterVariables],
    resolve: Resolve | None,
    problems: list[InputError],
) -> None:
    where = variable_place(inventory, name)
    for host in everybody:
        for variable in ("ip", "ansible_host"):
            text = _address_of(inventory, host, resolve, variable)
            try:
                address = ipaddress.ip_address(text or "")
            except ValueError:
                continue
            if address.version == network.version and address in network:
                problems.append(
                    InputError(
                        f"{network} overlaps the address {text} of host {host}",
                        file=where[0],
                        line=where[1],
                        field=name,
                    )
                )
    if (
        variables.kube_vip_address
        and variables.kube_vip_address.version == network.version
        and variables.kube_vip_address in network
    ):
        problems.append(
            InputError(
                f"{network} overlaps kube_vip_address {variables.kube_vip_address}",
                file=where[0],
                line=where[1],
                field=name,
            )
        )


def _check_node_prefix(inventory: Inventory, variables: ClusterVariables, problems: list[InputError]) -> None:
    pods = variables.kube_pods_subnet
    file, line = variable_place(inventory, "kube_pods_subnet")
    prefix, nodes = variables.kube_network_node_prefix, len(inventory.members("kube_node"))
    where = variable_place(inventory, "kube_network_node_prefix")
    if (prefix <= pods.prefixlen and nodes > 1) or prefix < pods.prefixlen:
        problems.append(
            InputError(
                f"a node's /{prefix} does not fit into kube_pods_subnet {pods}",
                file=where[0],
                line=where[1],
                field="kube_network_node_prefix",
            )
        )
    elif 2 ** (prefix - pods.prefixlen) < nodes:
        node_networks = 2 ** (prefix - pods.prefixlen)
        text = f"{pods} has room for {node_networks} nodes of a /{prefix}, the inventory has {nodes}"
        problems.append(InputError(text, file=file, line=line, field="kube_pods_subnet"))
