"""Which requests a policy or a binding is for (k8s.io/apiserver/pkg/admission/plugin/policy/matching)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from kprov.kube.apiserver.interfaces import Attributes
from kprov.kube.machinery.conversion import table
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.selectors import LabelSelector

_ALL: Final = "*"


class MatchError(Exception):
    """Nobody can tell whether a request matches."""


class _Rule(NamedTuple):
    operations: frozenset[str]
    groups: frozenset[str]
    versions: frozenset[str]
    #: (resource, subresource).
    resources: tuple[tuple[str, str], ...]
    scope: str
    names: frozenset[str]

    @classmethod
    def parse(cls, rule: JsonMapping) -> _Rule:
        split = (text.partition("/") for text in rule.get("resources") or ())
        return cls(
            frozenset(rule.get("operations") or ()),
            frozenset(rule.get("apiGroups") or ()),
            frozenset(rule.get("apiVersions") or ()),
            tuple((resource, subresource) for resource, _, subresource in split),
            rule.get("scope") or _ALL,
            frozenset(rule.get("resourceNames") or ()),
        )

    def may_match(self, group: str, plural: str) -> bool:
        """Whether it is for a resource, whatever the version and the subresource."""
        return _has(self.groups, group) and any(resource in {_ALL, plural} for resource, _ in self.resources)

    def matches(self, attributes: Attributes, resource: Resource) -> bool:
        """resource: of the request, or an equivalent version of it."""
        return (
            _has(self.operations, attributes.operation)
            and _has(self.groups, resource.group)
            and _has(self.versions, resource.version)
            and any(
                plural in {_ALL, resource.plural} and subresource in {_ALL, attributes.subresource}
                for plural, subresource in self.resources
            )
            and self._has_scope(attributes, resource)
            and (not self.names or attributes.name in self.names)
        )

    def _has_scope(self, attributes: Attributes, resource: Resource) -> bool:
        if self.scope == _ALL:
            return True
        is_namespaced = bool(attributes.namespace) and not _is_namespace(resource)
        return is_namespaced == (self.scope == "Namespaced")


class MatchResources:
    """The rules and selectors of matchConstraints or matchResources, None: every request."""

    def __init__(self, source: JsonMapping | None) -> None:
        """Raise SelectorError."""
        source = {"namespaceSelector": {}, "objectSelector": {}} if source is None else source
        self._namespaces = LabelSelector.from_object(source.get("namespaceSelector"))
        self._objects = LabelSelector.from_object(source.get("objectSelector"))
        self._rules = [_Rule.parse(rule) for rule in source.get("resourceRules") or ()]
        self._excluded = [_Rule.parse(rule) for rule in source.get("excludeResourceRules") or ()]
        self._is_exact = source.get("matchPolicy") == "Exact"

    def may_match(self, resource: Resource) -> bool:
        """Whether any rule is for a stored resource, in any of its versions."""
        keys = {
            (served_resource.group, served_resource.plural)
            for served_resource in (resource, *table.other_versions(resource))
        }
        return not self._rules or any(rule.may_match(*key) for rule in self._rules for key in keys)

    def find_resource(
        self, attributes: Attributes, namespace_labels: Mapping[str, str] | None
    ) -> Resource | None:
        """Return the version of the resource that matches; None if none does.

        namespace_labels: of the namespace of the request, None if it does not exist.
        Raises MatchError for a matching request in a namespace that does not exist.
        """
        if not self._selects_namespace(attributes, namespace_labels) or not self._selects_object(attributes):
            return None
        if self._find_by_rules(self._excluded, attributes) is not None:
            return None
        if not self._rules:
            return get_requested_resource(attributes)
        resource = self._find_by_rules(self._rules, attributes)
        if resource is not None and self._needs_namespace(attributes) and namespace_labels is None:
            raise MatchError(f'namespaces "{attributes.namespace}" not found')
        return resource

    def _find_by_rules(self, rules: Sequence[_Rule], attributes: Attributes) -> Resource | None:
        requested = get_requested_resource(attributes)
        candidates = [requested]
        if not self._is_exact and rules:
            stored = attributes.resource
            candidates += [
                served_resource
                for served_resource in (stored, *table.other_versions(stored))
                if served_resource != requested
            ]
        for candidate in candidates:
            if any(rule.matches(attributes, candidate) for rule in rules):
                return candidate
        return None

    def _needs_namespace(self, attributes: Attributes) -> bool:
        is_named = bool(attributes.namespace) or _is_namespace(attributes.resource)
        return is_named and not self._namespaces.is_empty

    def _selects_namespace(self, attributes: Attributes, labels: Mapping[str, str] | None) -> bool:
        if not self._needs_namespace(attributes) or labels is None:
            return True
        return self._namespaces.matches(labels)

    def _selects_object(self, attributes: Attributes) -> bool:
        if self._objects.is_empty:
            return True
        return any(
            obj is not None and "metadata" in obj and self._objects.matches(_get_labels(obj))
            for obj in (attributes.obj, attributes.old)
        )


def get_requested_resource(attributes: Attributes) -> Resource:
    """Return the resource in the version of the request."""
    return attributes.requested_resource or attributes.resource


def find_namespace_labels(attributes: Attributes, namespace: JsonMapping | None) -> Mapping[str, str] | None:
    """Return the labels that a namespace selector reads. namespace: the namespace of the request."""
    if _is_namespace(attributes.resource):
        is_written = not attributes.subresource and attributes.operation in {"CREATE", "UPDATE"}
        written = attributes.obj if is_written else attributes.old
        if written is not None:
            return _get_labels(written)
    return None if namespace is None else _get_labels(namespace)


def _get_labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    labels: Mapping[str, str] = (obj.get("metadata") or {}).get("labels") or {}
    return labels


def _is_namespace(resource: Resource) -> bool:
    return resource.plural == "namespaces" and not resource.group


def _has(values: frozenset[str], value: str) -> bool:
    return value in values or _ALL in values
