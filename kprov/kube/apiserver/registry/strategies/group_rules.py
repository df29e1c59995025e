"""What kinds of the smaller groups must look like.

Source: upstream pkg/apis/{rbac,discovery,networking,policy,scheduling,autoscaling,certificates}/validation.
"""

from __future__ import annotations

import re
from typing import Any, Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

RBAC: Final = "rbac.authorization.k8s.io"
_USER_PRIORITY_MAX: Final = 1_000_000_000
_SYSTEM_CLASSES: Final = {"system-node-critical", "system-cluster-critical"}
_PATH_TYPES: Final = ["Exact", "ImplementationSpecific", "Prefix"]


def immutable(path: str, value: Any) -> FieldError:
    return field.invalid(path, value, "field is immutable")


def role(obj: JsonObject, old: JsonObject | None = None) -> list[FieldError]:
    """Role and ClusterRole."""
    errors: list[FieldError] = []
    for index, rule in enumerate(obj.get("rules") or ()):
        path = f"rules[{index}]"
        if not rule.get("verbs"):
            errors.append(field.required(f"{path}.verbs", "verbs must contain at least one value"))
        urls = rule.get("nonResourceURLs")
        if urls:
            where = f"{path}.nonResourceURLs"
            if obj["kind"] == "Role":
                text = "namespaced rules cannot apply to non-resource URLs"
                errors.append(field.invalid(where, urls, text))
            if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
                text = "rules cannot apply to both regular resources and non-resource URLs"
                errors.append(field.invalid(where, urls, text))
            continue
        if not rule.get("apiGroups"):
            text = "resource rules must supply at least one api group"
            errors.append(field.required(f"{path}.apiGroups", text))
        if not rule.get("resources"):
            text = "resource rules must supply at least one resource"
            errors.append(field.required(f"{path}.resources", text))
    aggregation = obj.get("aggregationRule")
    if aggregation is not None and not aggregation.get("clusterRoleSelectors"):
        text = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        errors.append(field.required("aggregationRule.clusterRoleSelectors", text))
    selectors = (aggregation or {}).get("clusterRoleSelectors")
    before = ((old or {}).get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    keeps = any(checks.is_wrong(selector) for selector in before)
    for path, selector in checks.each(selectors, "aggregationRule.clusterRoleSelectors"):
        errors += checks.label_selector(selector, path, any_values=keeps)
        if checks.is_wrong(selector):
            # Upstream shows what it could not make of it.
            errors.append(field.invalid(path, None, "invalid label selector."))
    return errors


def role_binding(obj: JsonObject) -> list[FieldError]:
    """RoleBinding and ClusterRoleBinding."""
    reference = obj["roleRef"]
    errors: list[FieldError] = []
    if reference.get("apiGroup") != RBAC:
        errors.append(field.not_supported("roleRef.apiGroup", reference.get("apiGroup", ""), [RBAC]))
    kinds = ["ClusterRole"] if obj["kind"] == "ClusterRoleBinding" else ["Role", "ClusterRole"]
    if reference.get("kind") not in kinds:
        errors.append(field.not_supported("roleRef.kind", reference.get("kind", ""), kinds))
    name = reference.get("name", "")
    if not name:
        errors.append(field.required("roleRef.name"))
    else:
        errors += [field.invalid("roleRef.name", name, text) for text in names.is_path_segment_name(name)]
    for index, subject in enumerate(obj.get("subjects") or ()):
        errors += _subject(f"subjects[{index}]", subject, namespaced=obj["kind"] == "RoleBinding")
    return errors


def _subject(path: str, subject: JsonObject, *, namespaced: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    name, kind, group = subject.get("name", ""), subject.get("kind", ""), subject.get("apiGroup", "")
    if not name:
        errors.append(field.required(f"{path}.name"))
    if kind == "ServiceAccount":
        if name:
            errors += [field.invalid(f"{path}.name", name, text) for text in names.is_dns1123_subdomain(name)]
        if group:
            errors.append(field.not_supported(f"{path}.apiGroup", group, [""]))
        if not namespaced and not subject.get("namespace"):
            errors.append(field.required(f"{path}.namespace"))
    elif kind in {"User", "Group"}:
        if group != RBAC:
            errors.append(field.not_supported(f"{path}.apiGroup", group, [RBAC]))
    else:
        errors.append(field.not_supported(f"{path}.kind", kind, ["ServiceAccount", "User", "Group"]))
    return errors


def changed_role_ref(obj: JsonObject) -> list[FieldError]:
    return [field.invalid("roleRef", obj["roleRef"], "cannot change roleRef")]


def disruption_budget(obj: JsonObject, old: JsonObject | None = None) -> list[FieldError]:
    """`old`: what an update changes; what its selector compares with may stay."""
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        errors.append(field.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
    for name in ("minAvailable", "maxUnavailable"):
        if spec.get(name) is not None:
            errors += int_or_percent(f"spec.{name}", spec[name])
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in {"AlwaysAllow", "IfHealthyBudget"}:
        supported = ["AlwaysAllow", "IfHealthyBudget"]
        errors.append(field.not_supported("spec.unhealthyPodEvictionPolicy", policy, supported))
    keeps = checks.is_wrong(((old or {}).get("spec") or {}).get("selector"))
    return [*errors, *checks.label_selector(spec.get("selector"), "spec.selector", any_values=keeps)]


def int_or_percent(path: str, value: Any) -> list[FieldError]:
    """A number that is not negative, or a percentage up to 100%."""
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9]+)%", value)
        if found is None:
            return [
                field.invalid(path, value, text)
                for text in names.is_percent(value) or ["must be an integer or percentage (e.g '5%%')"]
            ]
        return [] if int(found[1]) <= 100 else [field.invalid(path, value, "must not be greater than 100%")]
    if value < 0:
        return [field.invalid(path, value, "must be greater than or equal to 0")]
    return []


def priority_class(obj: JsonObject) -> list[FieldError]:
    name, value = obj["metadata"].get("name", ""), obj["value"]
    errors: list[FieldError] = []
    if name.startswith("system-"):
        if name not in _SYSTEM_CLASSES:
            text = (
                "priority class names with 'system-' prefix are reserved for system use only. "
                f"error: {name} is not a known system priority class"
            )
            errors.append(field.forbidden("metadata.name", text))
    elif value > _USER_PRIORITY_MAX:
        text = f"maximum allowed value of a user defined priority is {_USER_PRIORITY_MAX}"
        errors.append(field.forbidden("value", text))
    supported = ["PreemptLowerPriority", "Never"]
    return [*errors, *checks.one_of_required(obj["preemptionPolicy"], "preemptionPolicy", supported)]


def priority_class_update(obj: JsonObject, old: JsonObject) -> list[FieldError]:
    errors: list[FieldError] = []
    if obj["value"] != old["value"]:
        errors.append(field.forbidden("value", "may not be changed in an update."))
    if obj["preemptionPolicy"] != old["preemptionPolicy"]:
        errors.append(immutable("preemptionPolicy", obj["preemptionPolicy"]))
    return errors


def lease(obj: JsonObject) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        errors.append(field.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        text = "must be greater than or equal to 0"
        errors.append(field.invalid("spec.leaseTransitions", transitions, text))
    return errors
