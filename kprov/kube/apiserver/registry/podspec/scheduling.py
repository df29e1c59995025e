"""Where a pod may run: node selectors, affinity, tolerations, spreading, gates.

Source: upstream pkg/apis/core/validation/validation.go (validateAffinity, ValidateTolerations,
validateTopologySpreadConstraints).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_label_selector,
    check_range,
    check_value,
    enumerate_items,
)
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

EFFECTS: Final = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
_WEIGHT: Final = "must be in the range 1-100"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_POSITIVE: Final = "must be greater than zero"


def validate_affinity(value: JsonObject | None, path: str, old: JsonObject | None = None) -> Errors:
    """Field rules of affinity. old: before an update; invalid label values may stay."""
    for kind in ("nodeAffinity", "podAffinity", "podAntiAffinity"):
        part = (value or {}).get(kind)
        if part is None:
            continue
        if kind == "nodeAffinity":
            any_values = has_wrong_values(((old or {}).get(kind) or {}).get(_REQUIRED))
            yield from _validate_node_affinity(part, f"{path}.{kind}", any_values=any_values)
        else:
            yield from _validate_pod_affinity(part, f"{path}.{kind}", any_values=_has_wrong_selector(old))


def has_wrong_values(selector: JsonObject | None) -> bool:
    """Whether a node selector has invalid label values."""
    terms = (selector or {}).get("nodeSelectorTerms") or ()
    return any(checks.has_invalid_selector_values(term) for term in terms)


def _has_wrong_selector(value: JsonObject | None) -> bool:
    parts = [(value or {}).get(kind) or {} for kind in ("podAffinity", "podAntiAffinity")]
    terms = [term for part in parts for term in part.get(_REQUIRED) or ()]
    terms += [
        weighted_term.get("podAffinityTerm") or {}
        for part in parts
        for weighted_term in part.get(_PREFERRED) or ()
    ]
    selectors = ("labelSelector", "namespaceSelector")
    return any(checks.is_invalid_selector(term.get(part)) for term in terms for part in selectors)


def _validate_node_affinity(value: JsonObject, path: str, *, any_values: bool) -> Errors:
    if value.get(_REQUIRED) is not None:
        yield from validate_node_selector(value[_REQUIRED], f"{path}.{_REQUIRED}", any_values=any_values)
    for where, term in enumerate_items(value.get(_PREFERRED), f"{path}.{_PREFERRED}"):
        yield from check_range(term.get("weight", 0), f"{where}.weight", 1, 100, _WEIGHT)
        yield from _validate_node_term(term.get("preference") or {}, f"{where}.preference", values=False)


def validate_node_selector(selector: JsonObject, path: str, *, any_values: bool = False) -> Errors:
    terms = selector.get("nodeSelectorTerms")
    if not terms:
        yield field.required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for where, term in enumerate_items(terms, f"{path}.nodeSelectorTerms"):
        yield from _validate_node_term(term, where, values=not any_values)


def _validate_node_term(term: JsonObject, path: str, *, values: bool = True) -> Errors:
    """Field rules of a node selector term. values: values must be valid label values."""
    for where, need in enumerate_items(term.get("matchExpressions"), f"{path}.matchExpressions"):
        yield from _validate_node_requirement(need, where)
        for place, value in enumerate_items(need.get("values") if values else (), f"{where}.values"):
            yield from check_value(value, place, names.is_label_value)
    for where, need in enumerate_items(term.get("matchFields"), f"{path}.matchFields"):
        yield from _validate_field_requirement(need, where)


def _validate_node_requirement(need: JsonObject, path: str) -> Errors:
    operator, values = need.get("operator", ""), need.get("values") or ()
    if operator in {"In", "NotIn"}:
        if not values:
            yield field.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in {"Exists", "DoesNotExist"}:
        if values:
            text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield field.forbidden(f"{path}.values", text)
    elif operator in {"Gt", "Lt"}:
        if len(values) != 1:
            text = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            yield field.required(f"{path}.values", text)
    else:
        yield field.invalid(f"{path}.operator", operator, "not a valid selector operator")
    yield from check_value(need.get("key", ""), f"{path}.key", names.is_qualified_name)


def _validate_field_requirement(need: JsonObject, path: str) -> Errors:
    operator, values = need.get("operator", ""), need.get("values") or ()
    if operator not in {"In", "NotIn"}:
        yield field.invalid(f"{path}.operator", operator, "not a valid selector operator")
    elif len(values) != 1:
        text = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield field.required(f"{path}.values", text)
    if need.get("key", "") != "metadata.name":
        yield field.invalid(f"{path}.key", need.get("key", ""), "not a valid field selector key")
    else:
        for where, value in enumerate_items(values, f"{path}.values"):
            yield from check_value(value, where, names.is_dns1123_subdomain)


def _validate_pod_affinity(value: JsonObject, path: str, *, any_values: bool) -> Errors:
    for where, term in enumerate_items(value.get(_REQUIRED), f"{path}.{_REQUIRED}"):
        yield from _validate_pod_term(term, where, any_values=any_values)
    for where, weighted in enumerate_items(value.get(_PREFERRED), f"{path}.{_PREFERRED}"):
        yield from check_range(weighted.get("weight", 0), f"{where}.weight", 1, 100, _WEIGHT)
        term = weighted.get("podAffinityTerm") or {}
        yield from _validate_pod_term(term, f"{where}.podAffinityTerm", any_values=any_values)


def _validate_pod_term(term: JsonObject, path: str, *, any_values: bool) -> Errors:
    for part in ("labelSelector", "namespaceSelector"):
        yield from check_label_selector(term.get(part), f"{path}.{part}", any_values=any_values)
    for name in term.get("namespaces") or ():
        yield from check_value(name, f"{path}.namespace", names.is_dns1123_label)
    yield from _validate_label_keys(term, path)
    if not term.get("topologyKey"):
        yield field.required(f"{path}.topologyKey", "can not be empty")
    yield from check_value(term.get("topologyKey", ""), f"{path}.topologyKey", names.is_qualified_name)


def _validate_label_keys(term: JsonObject, path: str) -> Errors:
    """Field rules of matchLabelKeys and mismatchLabelKeys."""
    selector = term.get("labelSelector")
    for part in ("matchLabelKeys", "mismatchLabelKeys"):
        keys = term.get(part) or ()
        if keys and selector is None:
            text = "must not be specified when labelSelector is not set"
            yield field.forbidden(f"{path}.{part}", text)
            continue
        for where, key in enumerate_items(keys, f"{path}.{part}"):
            yield from check_value(key, where, names.is_qualified_name)
    matching: Sequence[str] = term.get("matchLabelKeys") or ()
    places = {key: place for place, key in enumerate(matching)}
    seen = set((selector or {}).get("matchLabels") or {})
    for expression in (selector or {}).get("matchExpressions") or ():
        key = expression.get("key", "")
        if key in places and key in seen:
            yield field.invalid(
                f"{path}[{places[key]}]", key, "exists in both matchLabelKeys and labelSelector"
            )
        seen.add(key)
    mismatching = frozenset(term.get("mismatchLabelKeys") or ())
    for index, key in enumerate(matching):
        if key in mismatching:
            text = "exists in both matchLabelKeys and mismatchLabelKeys"
            yield field.invalid(f"{path}.matchLabelKeys[{index}]", key, text)


def validate_spread(constraints: Sequence[JsonObject], path: str, old: Sequence[JsonObject] = ()) -> Errors:
    """Field rules of spread constraints. If `old` has an invalid selector, selectors are not checked."""
    any_selector = any(checks.is_invalid_selector(constraint.get("labelSelector")) for constraint in old)
    pairs = [
        (spread_constraint.get("topologyKey", ""), spread_constraint.get("whenUnsatisfiable", ""))
        for spread_constraint in constraints
    ]
    repeats = checks.find_repeats(reversed(pairs))
    for index, constraint in enumerate(constraints):
        where, action = f"{path}[{index}]", constraint.get("whenUnsatisfiable", "")
        key, domains = constraint.get("topologyKey", ""), constraint.get("minDomains")
        if constraint.get("maxSkew", 0) < 1:
            yield field.invalid(f"{where}.maxSkew", constraint.get("maxSkew", 0), _POSITIVE)
        if not key:
            yield field.required(f"{where}.topologyKey", "can not be empty")
        yield from check_enum(action, f"{where}.whenUnsatisfiable", ["DoNotSchedule", "ScheduleAnyway"])
        if len(constraints) - 1 - index in repeats:
            yield field.duplicate(f"{where}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}")
        if domains is not None and domains <= 0:
            yield field.invalid(f"{where}.minDomains", domains, _POSITIVE)
        if domains is not None and action != "DoNotSchedule":
            text = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            yield field.invalid(f"{where}.minDomains", domains, text)
        for part in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            yield from check_enum(constraint.get(part), f"{where}.{part}", ["Honor", "Ignore"])
        yield from _validate_label_keys(
            {name: constraint.get(name) for name in ("matchLabelKeys", "labelSelector")}, where
        )
        if not any_selector:
            yield from check_label_selector(constraint.get("labelSelector"), f"{where}.labelSelector")


def validate_tolerations(values: Sequence[JsonObject] | None, path: str) -> Errors:
    for where, toleration in enumerate_items(values, path):
        key, operator = toleration.get("key", ""), toleration.get("operator", "")
        effect = toleration.get("effect", "")
        if key:
            yield from check_value(key, f"{where}.key", names.is_qualified_name)
        elif operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            yield field.invalid(f"{where}.operator", operator, text)
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            yield field.invalid(f"{where}.effect", effect, text)
        yield from _validate_toleration_value(operator, toleration.get("value", ""), where)
        if effect and effect not in EFFECTS:
            yield field.not_supported(f"{where}.effect", effect, EFFECTS)


def _validate_toleration_value(operator: str, value: str, path: str) -> Errors:
    if operator in {"", "Equal"}:
        problems = names.is_label_value(value)
        if problems:
            yield field.invalid(f"{path}.operator", value, ";".join(problems))
    elif operator == "Exists":
        if value:
            text = "value must be empty when `operator` is 'Exists'"
            yield field.invalid(f"{path}.operator", value, text)
    else:
        known = ["Equal", "Exists", "Lt", "Gt"] if operator in {"Lt", "Gt"} else ["Equal", "Exists"]
        yield field.not_supported(f"{path}.operator", operator, known)


def validate_gates(values: Sequence[JsonObject] | None, path: str) -> Errors:
    seen: set[str] = set()
    for where, gate in enumerate_items(values, path):
        name = gate.get("name", "")
        yield from check_value(name, where, names.is_qualified_name)
        if name in seen:
            yield field.duplicate(where, name)
        seen.add(name)
