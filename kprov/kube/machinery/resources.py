"""The table of resources the API serves: names, scope, verbs and subresources, as discovery shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from kprov.kube.machinery.resource_table import TABLE

_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_STABILITY = {None: 2, "beta": 1, "alpha": 0}
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_VERB_SETS = {
    "*": ALL_VERBS,
    "*-deletecollection": tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
    "rw": ("get", "patch", "update"),
    "proxy": ("create", "delete", "get", "patch", "update"),
}


@dataclass(frozen=True, slots=True)
class Subresource:
    """A path below an object. `group`, `version`, `kind` are those of its request or response body."""

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]

    @property
    def api_version(self) -> str:
        return api_version(self.group, self.version)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of one API version. `plural` is the path segment, `group` is "" for core."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    #: "" for KINDList.
    list_kind_name: str = ""

    @property
    def api_version(self) -> str:
        """The apiVersion of objects: "v1" or "apps/v1"."""
        return api_version(self.group, self.version)

    @property
    def list_kind(self) -> str:
        return self.list_kind_name or f"{self.kind}List"

    @property
    def gvk(self) -> tuple[str, str, str]:
        """(group, version, kind)."""
        return self.group, self.version, self.kind

    @property
    def group_resource(self) -> str:
        """As upstream's GroupResource prints: "pods", "deployments.apps"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_path(self) -> str:
        """The start of its paths: "/api/v1" or "/apis/GROUP/VERSION"."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def subresource(self, name: str) -> Subresource | None:
        """Return the subresource of that name, None if there is none."""
        return next((entry for entry in self.subresources if entry.name == name), None)


def api_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def split_api_version(text: str) -> tuple[str, str]:
    """Group and version: "apps/v1" > ("apps", "v1"); "v1" > ("", "v1")."""
    group, _, version = text.rpartition("/")
    return group, version


def _split_words(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))


def _verbs(text: str) -> tuple[str, ...]:
    return _VERB_SETS.get(text) or tuple(text.split(","))


def _subresource(text: str, group: str, version: str, kind: str) -> Subresource:
    target, _, verbs = text.partition(":")
    name, _, body = target.partition("=")
    if body:
        *group_version, kind = body.split("/")
        if group_version:
            group, version = group_version
    return Subresource(name, group, version, kind, _verbs(verbs))


def _parse(group: str, version: str, line: str) -> Resource:
    kind, plural, scope, short_names, categories, verbs, *subresources = line.split()
    return Resource(
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        namespaced=scope == "ns",
        short_names=_split_words(short_names),
        categories=_split_words(categories),
        verbs=_verbs(verbs),
        subresources=tuple(_subresource(text, group, version, kind) for text in subresources),
    )


#: Every built-in resource; a group's preferred version stands first.
RESOURCES: tuple[Resource, ...] = tuple(
    _parse(group, version, line)
    for (group, version), lines in TABLE.items()
    for line in lines.replace("\n        +", "").strip().splitlines()
)

#: Resources that are stored in another version: (group, version) by (group, version, plural).
_STORED_AS = {
    ("autoscaling", "v1", "horizontalpodautoscalers"): ("autoscaling", "v2"),
    ("events.k8s.io", "v1", "events"): ("", "v1"),
}

_BY_PLURAL = {(entry.group, entry.version, entry.plural): entry for entry in RESOURCES}
_BY_KIND = {entry.gvk: entry for entry in RESOURCES}


def find(group: str, version: str, plural: str) -> Resource | None:
    """Return the built-in resource at /apis/GROUP/VERSION/PLURAL, None if there is none."""
    return _BY_PLURAL.get((group, version, plural))


def find_kind(group: str, version: str, kind: str) -> Resource | None:
    """Return the built-in resource whose objects are of that kind, None if there is none."""
    return _BY_KIND.get((group, version, kind))


@cache
def group_versions() -> tuple[tuple[str, str], ...]:
    """Every served (group, version), preferred version of a group first, in discovery's order."""
    return tuple(TABLE)


def storage_version(resource: Resource) -> tuple[str, str]:
    """Return the (group, version) in which objects of a resource are stored, usually its own."""
    key = (resource.group, resource.version, resource.plural)
    return _STORED_AS.get(key, (resource.group, resource.version))


def rank_version(name: str) -> tuple[int, int, int, int, str]:
    """Return a key by which v2 comes before v1, v1 before v1beta2, and other names last."""
    match = _VERSION.fullmatch(name)
    if match is None:
        return (1, 0, 0, 0, name)
    return (0, -_STABILITY[match[2]], -int(match[1]), -int(match[3] or 0), "")
