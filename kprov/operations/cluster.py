"""Opens the cluster of an inventory: load and validate. Every operation starts here."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kprov.content.locations import PLAYBOOKS
from kprov.errors import HostError, InputError, KprovError, PreflightError
from kprov.inventory import host_patterns
from kprov.inventory.cluster import distributions, validation
from kprov.inventory.cluster.variables import ClusterVariables
from kprov.inventory.sources.load import load_inventory
from kprov.playbook.results.run_result import Callbacks, RunOptions
from kprov.playbook.running.engine import Engine
from kprov.playbook.templating.code_cache import open_code_cache

#: Called with a line for the user.
Say = Callable[[str], None]
CLUSTER_PLAYBOOK = PLAYBOOKS / "cluster.yml"

GROUPS = ("kube_control_plane", "etcd", "kube_node")


class SeveralHostsError(PreflightError):
    """Several hosts are unusable; the message has a line for each."""

    def __init__(self, errors: list[KprovError]) -> None:
        KprovError.__init__(self, "\n".join(str(error) for error in errors))
        # One host that does not answer decides, as at the end of a run.
        self.exit_code = max(error.exit_code for error in errors)


@dataclass(frozen=True)
class Cluster:
    """A valid inventory, and the engine that works on its hosts."""

    engine: Engine
    variables: dict[str, ClusterVariables]

    @property
    def artifacts(self) -> Path:
        """The folder of the inventory's keys, kubeconfig and journal."""
        return self.engine.inventory.directory / "artifacts"

    @property
    def any_variables(self) -> ClusterVariables:
        """Variables that are the same on all hosts."""
        return next(iter(self.variables.values()))

    def members(self, *groups: str) -> list[str]:
        """Return the hosts of the groups, each once, in the inventory's order."""
        selected = {host for group in groups for host in self.engine.inventory.members(group)}
        return [host for host in self.engine.inventory.hosts if host in selected]

    def chosen(self) -> list[str]:
        """Return the hosts of the cluster that --limit selects."""
        hosts, limit = self.members(*GROUPS), self.engine.options.limit
        return host_patterns.apply_limit(self.engine.inventory, hosts, limit) if limit else hosts

    def address(self, host: str) -> str:
        """Return the IP address of the host's components. Raises InputError if only a name is known."""
        own = self.variables[host].ip
        if own is not None:
            return str(own)
        scope = self.engine.host_variables(host)
        host_address = str(scope["ansible_host"]) if "ansible_host" in scope else host
        try:
            return str(ipaddress.ip_address(host_address))
        except ValueError:
            places = self.engine.inventory.hosts[host].places
            file, line = places[0] if places else (self.engine.inventory.path, None)
            text = f"{host_address!r} is a name, and the cluster needs the IP address of {host}"
            raise InputError(f"{text}: set the variable ip", file=file, line=line, field="ip") from None

    def node_name(self, host: str) -> str:
        """Return the name of the host's node."""
        return self.variables[host].kube_override_hostname or host

    def member_name(self, host: str) -> str:
        """Return the name of the host's member of etcd."""
        scope = self.engine.host_variables(host)
        return str(scope["etcd_member_name"]) if "etcd_member_name" in scope else host

    def leave_out(self, hosts: Iterable[str]) -> None:
        """Work from now on as if the inventory did not have these hosts."""
        self.engine.inventory.remove_hosts(hosts)
        self.engine.variables.clear_inventory_cache()
        for host in hosts:
            self.engine.unreachable_hosts.pop(host, None)

    @contextmanager
    def hide_hosts(self, hosts: Iterable[str]) -> Iterator[None]:
        """Work as if the inventory did not have these hosts."""
        engine = self.engine
        unreachable = engine.unreachable_hosts
        with engine.inventory.hide_hosts(hosts):
            engine.unreachable_hosts = {
                host: reason for host, reason in unreachable.items() if host in engine.inventory.hosts
            }
            engine.variables.clear_inventory_cache()
            try:
                yield
            finally:
                engine.unreachable_hosts = unreachable
        engine.variables.clear_inventory_cache()


@contextmanager
def open_cluster(
    inventory: Path, options: RunOptions | None = None, callbacks: Callbacks | None = None
) -> Iterator[Cluster]:
    """Load and validate the inventory. Raises InputError with all problems; connects to no host."""
    loaded = load_inventory(inventory)
    with Engine(loaded, options, callbacks, open_code_cache()) as engine:
        host_patterns.check_limit(loaded, engine.options.limit)
        cluster = Cluster(
            engine, validation.validate(loaded, engine.host_variables, engine.options.extra_vars)
        )
        if not cluster.chosen():
            text = f"{engine.options.limit!r} leaves no host of {', '.join(GROUPS)}"
            raise InputError(text, field="--limit")
        yield cluster


def run_read_only(
    cluster: Cluster, host: str, module: str, items: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Run a module that changes nothing; return no results if the connection is lost."""
    engine = cluster.engine
    try:
        agent = engine.connections.get(host).agent(engine.find_become(host))
        return agent.run(module, [{"args": args} for args in items])
    except HostError:
        return []


def explain_missing_root(host: str, facts: dict[str, Any]) -> list[KprovError]:
    """Return why tasks do not run as root, which the roles need; empty if they do."""
    if facts["ansible_effective_user_id"] == 0:
        return []
    text = f"tasks would run as {facts['ansible_user_id']}, and a cluster is set up as root"
    return [PreflightError(host, f"{text}: set ansible_become to true, and ansible_become_user to root")]


def explain_unsupported(
    host: str, facts: dict[str, Any], *, allow_experimental: bool = False
) -> list[KprovError]:
    """Return why the roles do not support a host with these facts."""
    text = distributions.find_problem(facts, allow_experimental=allow_experimental)
    return [PreflightError(host, text)] if text is not None else []
