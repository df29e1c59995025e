"""The inventory and the playbook of a run of ansible-core. All values are data, which it must not render."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from kprov.errors import KprovError
from kprov.inventory.vault.vault_format import Undecrypted
from kprov.playbook.actions.call import Call
from kprov.playbook.templating.templar import ERRORS
from kprov.playbook.templating.values import to_plain
from kprov.playbook.variables.facts import HostFacts, name_variables
from kprov.playbook.variables.reserved_names import is_reserved
from kprov.transport.options.host_options import Become

#: The role around the task, if it is in a role; the callback plugin gives it its name and path.
ROLE = "kprov_role"
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
#: Names that ansible-core sets itself.
_MAGIC = frozenset(
    (
        "group_names", "groups", "hostvars", "inventory_dir", "inventory_file", "inventory_hostname",
        "inventory_hostname_short", "omit", "play_hosts", "playbook_dir", "role_name", "role_names",
        "role_path", "vars", "environment", "ansible_facts",
    )
)  # fmt: skip
#: A call of a lookup may have effects, and may take long: such a variable is not rendered unasked.
_LOOKUP = re.compile(r"\b(?:lookup|query|q)\s*\(")
#: Characters of a variable; larger ones are results that no plugin looks for.
_LONGEST = 1 << 18


class Data:
    """A mapping or list of values that ansible-core does not render, with its keys."""

    def __init__(self, value: dict[str, Any] | list[Any]) -> None:
        self.value = value


class _Dumper(yaml.SafeDumper):
    """Writes data with the tag !unsafe. ansible-core trusts the other texts of these files as templates."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_data(dumper: yaml.SafeDumper, data: Data) -> yaml.Node:
    # Not on each text: ansible-core reads !unsafe "12" as a number.
    node = dumper.represent_data(_make_plain(data.value))
    node.tag = "!unsafe"
    return node


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    text = text.encode("utf-8", "replace").decode()
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Dumper.add_representer(Data, _represent_data)
_Dumper.add_representer(str, _represent_text)


def write(path: Path, document: Any) -> None:
    """Write a document that only this user can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=1 << 20)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def is_plain_name(host: str) -> bool:
    """Whether the name of a host has no meaning of its own in an inventory or in a pattern of hosts."""
    return _HOST.fullmatch(host) is not None


def _make_plain(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, dict):
        return {_make_plain(key): _make_plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_make_plain(entry) for entry in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def collect_variables(call: Call) -> dict[str, Any]:
    """Return the rendered variables of a task's host. Those that cannot be rendered are left out."""
    variables: dict[str, Any] = {}
    for layer in call.scope.layers:
        for name in layer.values:
            if not isinstance(name, str) or name in variables or name in _MAGIC or is_reserved(name):
                continue
            source = call.scope.find_source(name)
            if isinstance(source, Undecrypted) or _LOOKUP.search(str(source)):
                continue
            try:
                value = to_plain(call.scope[name])
            except (KprovError, *ERRORS):
                continue
            if len(str(value)) <= _LONGEST:
                variables[name] = value
    return variables


def collect_facts(facts: HostFacts) -> dict[str, Any]:
    """Return the facts that are known of a host, by the names of their variables. None is gathered."""
    names = {bare if bare in facts.bare else f"ansible_{bare}": bare for bare in list(facts.known)}
    return name_variables({name: facts.known[bare] for name, bare in names.items()})


def make_inventory(call: Call, variables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the inventory: the hosts of the task with their variables, and the names of all others."""
    members = {
        group: {name: None for name in names if is_plain_name(name)}
        for group, names in call.inventory.group_members().items()
    }
    hosts = {**members.pop("all", {}), **variables}
    members.pop("ungrouped", None)
    groups = {group: {"hosts": names} for group, names in members.items()}
    return {"all": {"hosts": Data(hosts), "children": Data(groups)}}


def make_task(call: Call, name: str, become: Become | None) -> dict[str, Any]:
    """Return the task, with all keywords that ansible-core applies itself."""
    task: dict[str, Any] = {
        "name": name,
        name: Data(call.args),
        "check_mode": call.check,
        "diff": call.diff,
        "environment": Data([call.environment]),
        "become": become is not None,
    }
    if call.target != call.host:
        task["delegate_to"] = call.target
    if call.timeout:
        task["timeout"] = call.timeout
    if become is not None:
        task.update(
            become_method=become.method, become_user=_escape(become.user), become_exe=_escape(become.exe)
        )
        if become.flags is not None:
            task["become_flags"] = _escape(become.flags)
    return task


def make_play(call: Call, task: dict[str, Any], *, in_role: bool) -> dict[str, Any]:
    """Return the play of the task."""
    play = {"hosts": call.host, "gather_facts": False}
    return {**play, "roles": [ROLE]} if in_role else {**play, "tasks": [task]}


def _escape(text: str) -> str:
    """Return the text of a keyword as a template that renders to it."""
    return text if "{" not in text else "{{ " + json.dumps(text) + " }}"
