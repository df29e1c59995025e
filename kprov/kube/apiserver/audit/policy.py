"""audit.k8s.io/v1 Policy: the level and the stages in which a request is recorded.

Source: apiserver/pkg/audit/policy and apis/audit/validation.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from kprov.kube.apiserver import configuration
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)


class Level(IntEnum):
    """How much of a request is recorded."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3


LEVELS: Final = {
    "None": Level.NONE,
    "Metadata": Level.METADATA,
    "Request": Level.REQUEST,
    "RequestResponse": Level.REQUEST_RESPONSE,
}
LEVEL_NAMES: Final = {level: name for name, level in LEVELS.items()}
STAGES: Final = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")

_RULE: Final = {
    "level": str,
    "users": [str],
    "userGroups": [str],
    "verbs": [str],
    "resources": [{"group": str, "resources": [str], "resourceNames": [str]}],
    "namespaces": [str],
    "nonResourceURLs": [str],
    "omitStages": [str],
    "omitManagedFields": bool,
}
FILE: Final = configuration.ConfigFile(
    flag="audit-policy-file",
    kind="Policy",
    versions=("audit.k8s.io/v1",),
    shape={"metadata": dict, "rules": [_RULE], "omitStages": [str], "omitManagedFields": bool},
)


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """What to record of a request."""

    level: Level
    omitted: frozenset[str] = frozenset()
    omit_managed_fields: bool = False


@dataclass(frozen=True, slots=True)
class _Resources:
    group: str
    resources: tuple[str, ...]
    names: frozenset[str]

    def match(self, info: RequestInfo) -> bool:
        if self.group not in {info.api_group, "*"}:
            return False
        if not self.resources:
            return True
        if self.names and info.name not in self.names:
            return False
        whole = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
        return any(
            wanted in {whole, "*"}
            or (info.subresource and wanted == f"*/{info.subresource}")
            or wanted == f"{info.resource}/*"
            for wanted in self.resources
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    recording: RecordingRule
    users: frozenset[str]
    groups: frozenset[str]
    verbs: frozenset[str]
    namespaces: frozenset[str]
    resources: tuple[_Resources, ...]
    paths: tuple[str, ...]

    def match(self, user: UserInfo | None, info: RequestInfo) -> bool:
        if self.users and (user is None or user.name not in self.users):
            return False
        if self.groups and (user is None or self.groups.isdisjoint(user.groups)):
            return False
        if self.verbs and info.verb not in self.verbs:
            return False
        if self.namespaces or self.resources:
            if not info.is_resource_request or (self.namespaces and info.namespace not in self.namespaces):
                return False
            return not self.resources or any(resource.match(info) for resource in self.resources)
        if self.paths:
            return not info.is_resource_request and any(_path_matches(info.path, path) for path in self.paths)
        return True


def _path_matches(path: str, wanted: str) -> bool:
    return wanted in {"*", path} or (wanted.endswith("*") and path.startswith(wanted.rstrip("*")))


class Policy:
    """Rules in order. The first that matches decides; without a match the level is None."""

    def __init__(self, document: JsonObject) -> None:
        """document: must be valid, see `load`."""
        omitted = frozenset(document.get("omitStages") or ())
        plain = bool(document.get("omitManagedFields"))
        self._rules = [_build_rule(rule, omitted, plain) for rule in document["rules"]]
        self._none = RecordingRule(Level.NONE, omitted, plain)

    def find_rule(self, user: UserInfo | None, info: RequestInfo) -> RecordingRule:
        """Return what to record of a request. user: None for wrong credentials."""
        for rule in self._rules:
            if rule.match(user, info):
                return rule.recording
        return self._none


def load(path: str) -> Policy:
    """Load a file. Raise ConfigError with the paths of all invalid fields."""
    document = configuration.load(FILE, path)
    configuration.raise_errors(FILE, path, validate(document))
    return Policy(document)


def validate(document: JsonObject) -> Iterable[FieldError]:
    """Yield the errors of all fields."""
    yield from _check_stages(document.get("omitStages") or (), "omitStages")
    if not document.get("rules"):
        yield field.required("rules", "a policy needs at least one rule")
    for index, rule in enumerate(document.get("rules") or ()):
        at = f"rules[{index}]"
        level = (rule or {}).get("level")
        if not level:
            yield field.required(f"{at}.level")
            continue
        if level not in LEVELS:
            yield field.not_supported(f"{at}.level", level, list(LEVELS))
        yield from _check_paths(rule.get("nonResourceURLs") or (), f"{at}.nonResourceURLs")
        yield from _check_resources(rule.get("resources") or (), f"{at}.resources")
        yield from _check_stages(rule.get("omitStages") or (), f"{at}.omitStages")
        if rule.get("nonResourceURLs") and (rule.get("resources") or rule.get("namespaces")):
            text = "rules cannot apply to both regular resources and non-resource URLs"
            yield field.invalid(f"{at}.nonResourceURLs", rule["nonResourceURLs"], text)


def _check_stages(stages: Sequence[str], at: str) -> Iterable[FieldError]:
    for index, stage in enumerate(stages):
        if stage not in STAGES:
            yield field.invalid(f"{at}[{index}]", stage, "allowed stages are " + ",".join(STAGES))


def _check_paths(paths: Sequence[str], at: str) -> Iterable[FieldError]:
    for index, path in enumerate(paths):
        if path == "*":
            continue
        if not path.startswith("/"):
            text = "non-resource URL rules must begin with a '/' character"
            yield field.invalid(f"{at}[{index}]", path, text)
        if "*" in path[:-1]:
            text = "non-resource URL wildcards '*' must be the final character of the rule"
            yield field.invalid(f"{at}[{index}]", path, text)


def _check_resources(entries: Sequence[JsonObject], at: str) -> Iterable[FieldError]:
    for entry in entries:
        group = entry.get("group") or ""
        broken = names.is_dns1123_subdomain(group) if group and group != "*" else []
        if broken:
            yield field.invalid(f"{at}.group", group, ",".join(broken))
        if entry.get("resourceNames") and not entry.get("resources"):
            text = "using resourceNames requires at least one resource"
            yield field.invalid(f"{at}.resourceNames", entry["resourceNames"], text)


def _build_rule(rule: JsonObject, omitted: frozenset[str], plain: bool) -> _Rule:
    own = rule.get("omitManagedFields")
    recording = RecordingRule(
        LEVELS[rule["level"]],
        omitted | frozenset(rule.get("omitStages") or ()),
        plain if own is None else own,
    )
    return _Rule(
        recording=recording,
        users=frozenset(rule.get("users") or ()),
        groups=frozenset(rule.get("userGroups") or ()),
        verbs=frozenset(rule.get("verbs") or ()),
        namespaces=frozenset(rule.get("namespaces") or ()),
        resources=tuple(
            _Resources(
                entry.get("group") or "",
                tuple(entry.get("resources") or ()),
                frozenset(entry.get("resourceNames") or ()),
            )
            for entry in rule.get("resources") or ()
        ),
        paths=tuple(rule.get("nonResourceURLs") or ()),
    )
