"""Requests as data: what a case sends to both servers, read from requests/*.yml or made by drivers/*.py."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find_kind, split_api_version
from tests.upstream import drivers, samples

REQUESTS: Final = Path(__file__).parent / "requests"
REMOVED: Final = "REMOVED"
_CONTENT_TYPES: Final = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json-patch": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
    "yaml": "application/yaml",
}
_VARIABLE: Final = re.compile(r"<(\w+)>")


@dataclass(frozen=True, slots=True)
class Step:
    """One request.

    do: method and target. A target without a leading slash is a kind of `samples/`, with the name and subresource.
    body: sent as JSON, or as it is when it is a text. user: a user of the token file, `anonymous`, or a token.
    save: variables for later steps, from each server's own answer. until: repeat until the status is this one.
    """

    name: str
    do: str
    body: Any = None
    user: str = "admin"
    headers: Mapping[str, str] = field(default_factory=dict)
    type: str = ""
    certificate: Mapping[str, Any] | None = None
    save: Mapping[str, str] = field(default_factory=dict)
    until: int = 0
    only: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        return self.do.partition(" ")[0]

    @property
    def target(self) -> str:
        found = self.do.partition(" ")[2]
        return found if found.startswith("/") else kind_path(found)

    @property
    def content_type(self) -> str:
        return _CONTENT_TYPES.get(self.type, self.type or "application/json")


@dataclass(frozen=True, slots=True)
class Case:
    """A subject: its steps run in order, in a namespace of its own. flags: for both servers."""

    name: str
    steps: tuple[Step, ...]
    flags: tuple[str, ...] = ()


def kind_path(target: str) -> str:
    """The path of `Kind`, `Kind/name` or `Kind/name/subresource`, in the case's namespace."""
    target, _, query = target.partition("?")
    kind, _, rest = target.partition("/")
    resource = find_kind(*split_api_version(samples.find(kind)["apiVersion"]), kind)
    assert resource is not None, kind
    space = "/namespaces/<ns>" if resource.namespaced else ""
    return (
        f"{resource.api_path}{space}/{resource.plural}"
        + (f"/{rest}" if rest else "")
        + (f"?{query}" if query else "")
    )


def change_at(document: JsonObject, changes: Mapping[str, Any]) -> JsonObject:
    """A copy with values replaced at paths such as `spec/containers/0/name`. REMOVED takes the value away."""
    changed = copy.deepcopy(document)
    for path, value in changes.items():
        *parents, last = [part.replace("~1", "/") for part in path.split("/")]
        place: Any = changed
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if value == REMOVED:
            del place[int(last) if isinstance(place, list) else last]
        elif isinstance(place, list):
            place[int(last) :] = [copy.deepcopy(value), *place[int(last) + 1 :]]
        else:
            place[last] = copy.deepcopy(value)
    return changed


def replace_variables(value: Any, variables: Mapping[str, str]) -> Any:
    """`<name>` in texts, to any depth; names that are no variables stay."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {
            replace_variables(key, variables): replace_variables(item, variables)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [replace_variables(item, variables) for item in value]
    return value


def cases() -> list[Case]:
    """All of both folders, by name."""
    found = [_read(path) for path in REQUESTS.glob("*.yml")]
    for module in pkgutil.iter_modules(drivers.__path__):
        driver = importlib.import_module(f"{drivers.__name__}.{module.name}")
        found.append(Case(module.name, tuple(driver.steps()), tuple(getattr(driver, "FLAGS", ()))))
    return sorted(found, key=lambda case: case.name)


def _read(path: Path) -> Case:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = [step for entry in document["steps"] for step in _steps(entry)]
    return Case(path.stem, tuple(steps), tuple(document.get("flags", ())))


def _steps(entry: JsonObject) -> Iterator[Step]:
    """The step, or one for each of its `cases`, which override its fields."""
    entry = dict(entry)
    repeated: Mapping[str, Any] = entry.pop("cases", None) or {"": {}}
    for label, overrides in repeated.items():
        merged = entry | (overrides or {})
        yield _step(merged | {"name": f"{entry['name']}: {label}" if label else entry["name"]})


def _step(entry: JsonObject) -> Step:
    """`sample` is a kind whose sample is the body, `set` changes the body at paths."""
    entry = dict(entry)
    if "sample" in entry:
        entry["body"] = samples.find(entry.pop("sample"))
    if "set" in entry:
        entry["body"] = change_at(entry["body"], entry.pop("set"))
    if "only" in entry:
        entry["only"] = tuple(entry["only"])
    known = {each.name for each in dataclasses.fields(Step)}
    assert entry.keys() <= known, f"{entry['name']}: unknown keys {sorted(entry.keys() - known)}"
    return Step(**entry)
