"""The effect of every variable of an inventory in a cluster, for `kprov inventory check`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from kprov import suggestions
from kprov.inventory import yaml_file
from kprov.inventory.cluster import variable_usage
from kprov.inventory.cluster.variables import ClusterVariables
from kprov.inventory.model import Inventory
from kprov.inventory.vault.vault_format import Secret, Undecrypted

_TABLE = Path(__file__).with_name("known_variables.yml")
_API_PORT = 6443
#: A warning names at most this number of variables without effect.
_NAMED = 8
#: The file name for variables of the command line, which `inventory check` does not know.
COMMAND_LINE = "--extra-vars"


class Effect(StrEnum):
    """Kinds of effect."""

    USED = "used"
    MAPPED = "mapped"
    CONNECTION = "connection"
    NONE = "no effect"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True)
class Finding:
    """A place where a variable is set, and its effect; `line` is None if it is not known."""

    name: str
    file: str
    line: int | None
    effect: Effect
    text: str


@dataclass(frozen=True)
class Table:
    """The content of known_variables.yml."""

    refused: dict[str, dict[str, Any]]
    mapped: dict[str, str]
    none: dict[str, str]
    families: dict[str, str]
    endings: dict[str, str]
    connection: list[str]
    installed: dict[str, dict[str, str]]

    def family(self, name: str) -> str | None:
        """Return the reason for the longest matching prefix, or for a suffix."""
        fitting = [start for start in self.families if name.startswith(start)]
        if fitting:
            return self.families[max(fitting, key=len)]
        return next((reason for end, reason in self.endings.items() if name.endswith(end)), None)


@lru_cache(maxsize=1)
def load_table() -> Table:
    """Load the table of known variables."""
    return Table(**yaml_file.load_shared(_TABLE))


def find_effects(inventory: Inventory, root: Path) -> list[Finding]:
    """Return every place of every variable by file and line; `root` has roles, templates and playbooks."""
    _read_all(inventory)
    users = variable_usage.find_project_usage(root)
    names_in_templates = _find_named_by_templates(inventory)
    findings = [
        Finding(name, file, line, *_effect(name, value, users, names_in_templates))
        for name, value, file, line in _definitions(inventory)
    ]
    findings += _find_unread_files(inventory)
    return sorted(set(findings), key=lambda finding: (finding.file, finding.line or 0, finding.name))


def _read_all(inventory: Inventory) -> None:
    for host in inventory.hosts:
        inventory.variables(host)
    for folder in inventory.directories:
        for group in inventory.groups:
            inventory.folder_variables(folder, "group_vars", group)


def _definitions(inventory: Inventory) -> Iterator[tuple[str, Any, str, int | None]]:
    for name, value in inventory.extra_vars.items():
        yield name, value, COMMAND_LINE, None
    for source in inventory.sources:
        for name, value in source.items():
            if isinstance(source, yaml_file.Mapping):
                yield name, value, source.file, source.lines.get(name)
            else:
                yield name, value, str(inventory.path), None


def _find_named_by_templates(inventory: Inventory) -> dict[str, set[str]]:
    """Return the variables that templates of other variables name, with those variables."""
    names: dict[str, set[str]] = {}
    for name, value, _, _ in _definitions(inventory):
        if isinstance(value, (Secret, Undecrypted)):
            continue
        for used in variable_usage.find_names(str(value)) - {name}:
            names.setdefault(used, set()).add(name)
    return names


def _effect(
    name: str, value: Any, users: Mapping[str, tuple[str, ...]], names_in_templates: Mapping[str, set[str]]
) -> tuple[Effect, str]:
    table = load_table()
    if (rule := table.refused.get(name)) is not None:
        return _apply_rules(value, rule)
    if (reason := find_version_conflict(name, value)) is not None:
        return Effect.REFUSED, reason
    if name == "loadbalancer_apiserver_port" and str(value) == str(_API_PORT):
        return Effect.NONE, "the API server has that port on every address; haproxy keeps 8443"
    if name in table.mapped:
        return Effect.MAPPED, table.mapped[name]
    if name in table.connection:
        return Effect.CONNECTION, "how the host is reached, as in Ansible"
    if name in table.none:
        return Effect.NONE, table.none[name]
    if name in users:
        return Effect.USED, _format_value(users[name])
    if name in ClusterVariables.model_fields:
        return Effect.USED, "kprov itself"
    if carriers := _find_carriers(name, users, names_in_templates):
        return Effect.USED, f"used by the inventory's variables {', '.join(carriers)}"
    return _effect_of_unused(name, users, names_in_templates)


def _effect_of_unused(
    name: str, users: Mapping[str, tuple[str, ...]], names_in_templates: Mapping[str, set[str]]
) -> tuple[Effect, str]:
    """Return the effect of a variable that nothing uses, and why it has none."""
    table = load_table()
    close = suggestions.closest(
        name, [*users, *ClusterVariables.model_fields, *table.mapped, *table.connection]
    )
    if (reason := table.family(name)) is not None and not close:
        return Effect.NONE, reason
    if name in names_in_templates:
        return (
            Effect.NONE,
            f"named only by {', '.join(sorted(names_in_templates[name]))}, which have no effect either",
        )
    hint = f"; did you mean {close!r}?" if close else ""
    return Effect.UNKNOWN, f"no effect: no role or variable names it{hint}"


def _format_value(users: tuple[str, ...]) -> str:
    roles = [user.removeprefix("role ") for user in users if user.startswith("role ")]
    others = [user for user in users if not user.startswith("role ")]
    word = "roles" if len(roles) > 1 else "role"
    return "; ".join([*([f"{word} {', '.join(roles)}"] if roles else []), *others])


def _find_carriers(
    name: str,
    users: Mapping[str, tuple[str, ...]],
    names_in_templates: Mapping[str, set[str]],
    above: tuple[str, ...] = (),
) -> list[str]:
    """Return the variables that have an effect and use this one in their templates, even indirectly."""
    table = load_table()
    return sorted(
        other
        for other in names_in_templates.get(name, ())
        if other not in above
        and other not in table.none
        and (
            other in users
            or other in table.mapped
            or other in table.connection
            or other in ClusterVariables.model_fields
            or _find_carriers(other, users, names_in_templates, (*above, name))
        )
    )


def _apply_rules(value: Any, rule: Mapping[str, Any]) -> tuple[Effect, str]:
    if isinstance(value, str) and "{{" in value:
        return Effect.NONE, "a template; rejected if its value differs from what kprov does"
    reason = explain_refusal(value, rule)
    if reason is not None:
        return Effect.REFUSED, reason
    return Effect.NONE, "what kprov does anyway" if value in rule.get(
        "allowed", []
    ) else "off, as it must be here"


def explain_refusal(value: Any, rule: Mapping[str, Any]) -> str | None:
    """Return why a variable of the table's `refused` cannot have this value; None if it can."""
    if value is None or value in ("", False, [], {}) or value in rule.get("allowed", []):
        return None
    if isinstance(value, str) and value.lower() in ("false", "no", "none"):
        return None
    return str(rule["reason"])


def find_conflict(name: str, value: Any) -> str | None:
    """Return why a variable cannot have this value; None if it can."""
    rule = load_table().refused.get(name)
    return find_version_conflict(name, value) if rule is None else explain_refusal(value, rule)


def find_version_conflict(name: str, value: Any) -> str | None:
    """Return why a version differs from the installed one; None if it does not, or is a template."""
    fixed = load_table().installed.get(name)
    if fixed is None or value in (None, "") or (isinstance(value, str) and "{{" in value):
        return None
    requested, version = str(value).removeprefix("v"), fixed["version"].removeprefix("v")
    if version == requested or version.startswith(f"{requested}."):
        return None
    return f"{value} is not what is installed: {fixed['reason']} {version}; set that, or leave it out"


def list_warnings(findings: Iterable[Finding], inventory: str) -> list[str]:
    """Return warnings about variables and files without effect.

    Unknown names are listed one by one with their places. Known ones without effect, of which an
    inventory for kubespray has many, are named if they are few. `inventory` is the value of -i.
    """
    findings = list(findings)
    warnings = []
    for finding in findings:
        place = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
        if finding.effect is Effect.UNKNOWN:
            warnings.append(
                f"{place}: {finding.text}"
                if finding.name == "-"
                else f"{place}: {finding.name}: {finding.text}"
            )
        elif finding.effect is Effect.NONE and finding.file == COMMAND_LINE:
            warnings.append(f"{place}: {finding.name}: no effect: {finding.text}")
    idle = sorted(
        {
            finding.name
            for finding in findings
            if finding.effect is Effect.NONE and finding.file != COMMAND_LINE
        }
    )
    if idle:
        names = ", ".join(idle) if len(idle) <= _NAMED else f"{len(idle)} variables"
        verb = "has" if len(idle) == 1 else "have"
        warnings.append(f"{names} {verb} no effect; `kprov inventory check -i {inventory}` says why")
    return warnings


def _find_unread_files(inventory: Inventory) -> Iterator[Finding]:
    """Return the files of group_vars and host_vars without a group or host."""
    for folder in inventory.directories:
        for kind, names in (("group_vars", inventory.groups), ("host_vars", inventory.hosts)):
            for path in sorted((folder / kind).iterdir()) if (folder / kind).is_dir() else ():
                name = path.name if path.is_dir() else path.name.removesuffix(path.suffix)
                if name not in names and path.name not in names and not path.name.startswith("."):
                    owner = "group" if kind == "group_vars" else "host"
                    text = f"the file is not read: there is no {owner} {name!r}"
                    yield Finding("-", str(path), None, Effect.UNKNOWN, text)
