"""Flow schemas.

Source: upstream pkg/apis/flowcontrol/v1/defaults.go, pkg/apis/flowcontrol/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kprov.kube.apiserver.registry.flowcontrol.mandatory import find_mandatory_spec, validate_status
from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_lone_wildcard,
    check_value,
    enumerate_items,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import (
    ALL_METADATA,
    METADATA_AND_SPEC_PATHS,
    ResourceStrategy,
)
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path

_VERBS: Final = [
    *("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"),
]
_PRECEDENCE_MAX: Final = 10_000
_SUBJECTS: Final = {"User": "user", "Group": "group", "ServiceAccount": "serviceAccount"}
_NAMESPACES: Final = "each member of this list must be '*' or a DNS-1123 label"


class FlowSchemaStrategy(ResourceStrategy):
    reset_fields: Mapping[str, tuple[Path, ...]] = {"status": METADATA_AND_SPEC_PATHS}
    has_generation = True
    fixed_in_status_update = ALL_METADATA
    new_status: Mapping[str, Any] | None = {}

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        spec["matchingPrecedence"] = spec.get("matchingPrecedence") or 1000

    def validate(self, obj: JsonObject) -> list[FieldError]:
        errors = _validate_flow_schema(obj["metadata"].get("name", ""), obj["spec"])
        return [*errors, *self._mandatory(obj), *validate_status(obj)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_status(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)

    def _mandatory(self, obj: JsonObject) -> Errors:
        name, fixed = find_mandatory_spec("flowschemas", obj, self)
        if fixed is not None and fixed != obj["spec"]:
            yield field.invalid("spec", obj["spec"], f"spec of '{name}' must equal the fixed value")


def _validate_flow_schema(name: str, spec: JsonObject) -> Errors:
    precedence = spec["matchingPrecedence"]
    if precedence <= 0:
        yield field.invalid("spec.matchingPrecedence", precedence, "must be a positive value")
    if precedence > _PRECEDENCE_MAX:
        text = f"must not be greater than {_PRECEDENCE_MAX}"
        yield field.invalid("spec.matchingPrecedence", precedence, text)
    if precedence == 1 and name != "exempt":
        text = "only the schema named 'exempt' may have matchingPrecedence 1"
        yield field.invalid("spec.matchingPrecedence", precedence, text)
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in {"ByUser", "ByNamespace"}:
        shown = {"Type": method.get("type", "")}
        yield field.not_supported("spec.distinguisherMethod.type", shown, ["ByNamespace", "ByUser"])
    path = "spec.priorityLevelConfiguration.name"
    level = (spec.get("priorityLevelConfiguration") or {}).get("name", "")
    if level:
        yield from check_value(level, path, names.is_dns1123_subdomain)
    else:
        yield field.required(path, "must reference a priority level")
    for where, rule in enumerate_items(spec.get("rules"), "spec.rules"):
        yield from _validate_rule(rule, where)


def _validate_rule(rule: JsonObject, path: str) -> Errors:
    if not rule.get("subjects"):
        yield field.required(f"{path}.subjects", "subjects must contain at least one value")
    for where, subject in enumerate_items(rule.get("subjects"), f"{path}.subjects"):
        yield from _validate_subject(subject, where)
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        text = "at least one of resourceRules and nonResourceRules has to be non-empty"
        yield field.required(path, text)
    for where, each_rule in enumerate_items(rule.get("resourceRules"), f"{path}.resourceRules"):
        yield from _validate_resource_rule(each_rule, where)
    for where, each_rule in enumerate_items(rule.get("nonResourceRules"), f"{path}.nonResourceRules"):
        yield from _validate_verbs(each_rule, where)
        yield from _validate_urls(each_rule.get("nonResourceURLs") or [], f"{where}.nonResourceURLs")


def _validate_subject(subject: JsonObject, path: str) -> Errors:
    kind = subject.get("kind", "")
    part = _SUBJECTS.get(kind)
    if part is None:
        yield field.not_supported(f"{path}.kind", kind, sorted(_SUBJECTS))
        return
    held = subject.get(part)
    if held is None:
        yield field.required(f"{path}.{part}", f"{part} is required when subject kind is '{kind}'")
    for other_kind, other in _SUBJECTS.items():
        if other != part and subject.get(other) is not None:
            text = f"{other} is forbidden when subject kind is not '{other_kind}'"
            yield field.forbidden(f"{path}.{other}", text)
    if held is None:
        return
    name = held.get("name", "")
    if not name:
        yield field.required(f"{path}.{part}.name")
    if kind != "ServiceAccount":
        return
    if name and name != "*":
        yield from check_value(name, f"{path}.{part}.name", names.is_dns1123_subdomain)
    namespace = held.get("namespace", "")
    if namespace:
        yield from check_value(namespace, f"{path}.{part}.namespace", names.is_dns1123_label)
    else:
        yield field.required(f"{path}.{part}.namespace", "must specify namespace for service account")


def _validate_verbs(rule: JsonObject, path: str) -> Errors:
    verbs = rule.get("verbs") or []
    if not verbs:
        yield field.required(f"{path}.verbs", "verbs must contain at least one value")
    elif "*" in verbs:
        yield from check_lone_wildcard(verbs, f"{path}.verbs", "verbs")
    elif not set(verbs) <= set(_VERBS):
        yield field.not_supported(f"{path}.verbs", verbs, _VERBS)


def _validate_resource_rule(rule: JsonObject, path: str) -> Errors:
    yield from _validate_verbs(rule, path)
    for part, singular, plural in (
        ("apiGroups", "api group", "api groups"),
        ("resources", "resource", "resources"),
    ):
        values = rule.get(part) or []
        if not values:
            yield field.required(f"{path}.{part}", f"resource rules must supply at least one {singular}")
        yield from check_lone_wildcard(values, f"{path}.{part}", plural)
    namespaces = rule.get("namespaces") or []
    if not namespaces and not rule.get("clusterScope"):
        text = "resource rules that are not cluster scoped must supply at least one namespace"
        yield field.required(f"{path}.namespaces", text)
    elif "*" in namespaces:
        yield from check_lone_wildcard(namespaces, f"{path}.namespaces", "namespaces")
    else:
        for where, namespace in enumerate_items(namespaces, f"{path}.namespaces"):
            for text in names.is_dns1123_label(namespace):
                yield field.invalid(where, namespace, f"{_NAMESPACES}; {text}")


def _validate_urls(urls: Sequence[str], path: str) -> Errors:
    if not urls:
        yield field.required(path, "nonResourceURLs must contain at least one value")
    if "*" in urls:
        if len(urls) > 1:
            text = "if '*' is present, must not specify other non-resource URLs"
            yield field.invalid(path, list(urls), text)
        return
    for where, url in enumerate_items(urls, path):
        if not url:
            yield field.invalid(where, url, "must not be empty")
        elif not url.startswith("/"):
            yield field.invalid(where, url, "must start with slash")
        elif " " in url:
            yield field.invalid(where, url, "must not contain white-space")
        elif "//" in url:
            yield field.invalid(where, url, "must not contain double slash")
        elif "*" in url and (url.count("*") > 1 or not url.endswith("/*")):
            yield field.invalid(where, url, "wildcard can only do suffix matching")
