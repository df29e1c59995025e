"""The variables of a task on a host: Ansible's precedence as layers."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import trust
from kprov.inventory.model import Inventory
from kprov.playbook.model.plays import Node, Play, Role
from kprov.playbook.results.run_result import RunOptions
from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar, TemplatingError
from kprov.playbook.templating.values import OMIT
from kprov.playbook.variables.facts import FactStore, FactVariables
from kprov.playbook.variables.include_variables import NO_VARIABLES as _NOTHING_GIVEN
from kprov.playbook.variables.include_variables import IncludeVariables

_OfRoles = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class _DeferredValue:
    """A value that is computed on first use."""

    make: Callable[[], Any]


class _MagicVariables(dict[str, Any]):
    """Magic variables. Lists of hosts are made on first use: n hosts would make n lists of n otherwise."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if type(value) is _DeferredValue:
            value = self[name] = value.make()
        return value


class HostVars(Mapping[str, Any]):
    """The variable `hostvars`: the variables of each host, without those of the play."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._scopes: dict[str, Scope] = {}

    def __getitem__(self, host: str) -> Scope:
        if host not in self._variables.inventory.hosts and host != "localhost":
            raise KeyError(host)
        if host not in self._scopes:
            self._scopes[host] = Scope(self._variables.templar, self._variables.host_layers(host))
        return self._scopes[host]

    def __contains__(self, host: object) -> bool:
        return host in self._variables.inventory.hosts

    def __iter__(self) -> Iterator[str]:
        hosts = self._variables.inventory.hosts
        return (name for name, host in hosts.items() if not host.implicit)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Variables:
    """All variables of a run, with those that tasks set while it runs."""

    def __init__(self, inventory: Inventory, templar: Templar, options: RunOptions, playbook: Path) -> None:
        self.inventory = inventory
        self.templar = templar
        self.options = options
        self.playbook_dir = playbook.resolve().parent
        self.facts = FactStore()
        self.registered: dict[str, dict[str, Any]] = {}
        self.included: dict[str, dict[str, Any]] = {}
        self.play_hosts: list[str] = []
        self.batch: Callable[[], list[str]] = list
        self.find_unreachable: Callable[[], list[str]] = list
        self.failed: Callable[[], list[str]] = list
        self.active: Callable[[], list[str]] = list
        self._inventory: dict[str, dict[str, Any]] = {}
        self._groups: dict[str, list[str]] | None = None
        # The number of roles is part of the key because an included role may add itself to the play.
        self._roles: dict[tuple[Play, Role | None, int], _OfRoles] = {}
        self._dependencies: dict[tuple[Play, int, int], tuple[list[str], list[str]]] = {}
        self._lock = threading.Lock()

    def inventory_variables(self, host: str) -> dict[str, Any]:
        """Return the raw variables of a host from the inventory and the folders beside the playbook."""
        with self._lock:
            if host not in self._inventory:
                self._inventory[host] = self.inventory.variables(host, (self.playbook_dir,))
            return self._inventory[host]

    def clear_inventory_cache(self) -> None:
        """Read the inventory again, because add_host or group_by changed it."""
        with self._lock:
            self._inventory.clear()
            self._groups = None

    def magic_variables(
        self, host: str, play: Play | None = None, node: Node | None = None
    ) -> dict[str, Any]:
        """Return Ansible's magic variables."""
        if self._groups is None:
            self._groups = self.inventory.group_members()
        variables = _MagicVariables(
            **self.inventory.magic(host),
            **self._run_variables(),
            groups=self._groups,
            playbook_dir=str(self.playbook_dir),
            ansible_play_hosts_all=_DeferredValue(lambda: list(self.play_hosts)),
            ansible_play_hosts=_DeferredValue(self.active),
            ansible_play_batch=_DeferredValue(self.batch),
            play_hosts=_DeferredValue(self.active),
            kprov_unreachable=_DeferredValue(self.find_unreachable),
            kprov_failed=_DeferredValue(self.failed),
            ansible_inventory_sources=self.inventory.named,
        )
        if play is not None:
            variables.update(
                playbook_dir=str(play.directory),
                ansible_play_name=play.name,
                ansible_play_role_names=play.role_names,
                role_names=play.role_names,
                **self._dependency_names(play),
            )
        if node is not None:
            folders = [*node.folder_names, variables["playbook_dir"]]
            variables["ansible_search_path"] = list(dict.fromkeys(folders))
        if node is not None and node.role is not None:
            role = node.role
            variables.update(role_name=role.short_name, role_path=str(role.path), ansible_role_name=role.name)
            if role.collection:
                variables["ansible_collection_name"] = role.collection
        return variables

    def _run_variables(self) -> dict[str, Any]:
        """Return the magic variables that are the same for all hosts during a run."""
        options = self.options
        variables: dict[str, Any] = {
            "ansible_verbosity": options.verbosity,
            "omit": OMIT,
            "ansible_check_mode": options.check,
            "ansible_diff_mode": options.diff,
            "ansible_forks": options.forks,
            "ansible_version": {"full": "2.19.0", "major": 2, "minor": 19, "revision": 0, "string": "2.19.0"},
            "ansible_run_tags": list(options.tags),
            "ansible_skip_tags": list(options.skip_tags),
            "ansible_playbook_python": sys.executable,
            "ansible_config_file": None,
        }
        return {**variables, "ansible_limit": options.limit} if options.limit else variables

    def _dependency_names(self, play: Play) -> dict[str, list[str]]:
        key = (play, len(play.roles), len(play.role_names))
        if key not in self._dependencies:
            names = {inner.name: None for role in play.roles for inner in role.lineage()[:-1]}
            self._dependencies[key] = (list(names), list(names | dict.fromkeys(play.role_names)))
        dependent, all_names = self._dependencies[key]
        return {"ansible_dependent_role_names": dependent, "ansible_role_names": all_names}

    def host_layers(self, host: str) -> list[Layer]:
        """Return the layers of a host that `hostvars` shows."""
        return [
            Layer(self.magic_variables(host), raw=True),
            Layer(self.options.extra_vars),
            Layer(self.registered.setdefault(host, {}), raw=True),
            Layer(self.included.setdefault(host, {})),
            Layer(FactVariables(self.facts, host, gathering=True, for_others=True), raw=True),
            Layer(self.inventory_variables(host)),
        ]

    def task_scope(
        self, host: str, play: Play, node: Node, *, include: IncludeVariables | None = None
    ) -> Scope:
        """Return the variables of a task on a host in Ansible's precedence; the first layer wins."""
        defaults, role_vars, params = self._role_variables(play, node.role)
        gathering = self.facts.host_facts(host).allowed or gathers_facts(play)
        include_variables = include or _NOTHING_GIVEN
        magic = self.magic_variables(host, play, node)
        magic["hostvars"] = HostVars(self)
        layers = [
            Layer(magic, raw=True),
            Layer(include_variables.items, raw=True),
            Layer(self.options.extra_vars),
            Layer(include_variables.variables),
            Layer(params),
            Layer(self.registered.setdefault(host, {}), raw=True),
            Layer(self.included.setdefault(host, {})),
            Layer(node.merge_keyword("vars")),
            Layer(role_vars),
        ]
        low = [
            Layer(play.variables),
            Layer(FactVariables(self.facts, host, gathering=gathering), raw=True),
            Layer(self.inventory_variables(host)),
            Layer(defaults),
        ]
        scope = Scope(self.templar, [*layers, *low])
        if play.vars_files:
            files = self._load_vars_files(play, scope)
            scope = Scope(self.templar, [*layers, Layer(files), *low])
        return scope

    def _role_variables(self, play: Play, role: Role | None) -> _OfRoles:
        """Return the defaults, variables and parameters that roles give to the tasks of a role or play."""
        key = (play, role, len(play.roles))
        role_variables = self._roles.get(key)
        if role_variables is None:
            lineage = role.lineage() if role is not None else []
            role_variables = ({}, {}, {})
            for other_role in [*play.roles, *lineage]:
                role_variables[0].update(other_role.defaults)
                role_variables[1].update(other_role.variables)
            for other_role in lineage:
                role_variables[2].update(other_role.params)
            self._roles[key] = role_variables
        return role_variables

    def _load_vars_files(self, play: Play, scope: Scope) -> dict[str, Any]:
        variables: dict[str, Any] = {}
        for entry in play.vars_files:
            for name in entry if isinstance(entry, list) else [entry]:
                path = play.directory / self._render_file_name(play, name, scope)
                if isinstance(entry, list) and not path.exists():
                    continue
                document = trust.load_variables(path)
                if not isinstance(document or {}, dict):
                    raise InputError("must be a mapping of variables", file=path, line=1)
                variables.update(document or {})
                break
        return variables

    def _render_file_name(self, play: Play, name: Any, scope: Scope) -> str:
        try:
            return str(self.templar.render(name, scope))
        except TemplatingError as error:
            raise InputError(str(error), file=play.file, line=play.line, field="vars_files") from None


def gathers_facts(play: Play) -> bool:
    """Whether a play gathers facts: Ansible's default is that it does."""
    return play.keywords.get("gather_facts", True) not in (False, "no", "false")


def remove_omitted(value: Any) -> Any:
    """Return a value without the entries that are `omit`."""
    if isinstance(value, dict):
        return {key: remove_omitted(entry) for key, entry in value.items() if entry != OMIT}
    if isinstance(value, list):
        return [remove_omitted(entry) for entry in value if entry != OMIT]
    return value
