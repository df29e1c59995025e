"""Flow schemas and priority levels: defaults and field rules.

Source: upstream pkg/apis/flowcontrol/v1/defaults.go, pkg/apis/flowcontrol/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kprov.kube.apiserver.registry.flowcontrol import bootstrap_objects
from kprov.kube.apiserver.registry.generic.checks import Errors, each, named
from kprov.kube.apiserver.registry.generic.resource_strategy import ALL_METADATA, ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_VERBS: Final = [
    *("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"),
]
_PRECEDENCE_MAX: Final = 10_000
_QUEUES_MAX: Final = 10_000_000
_SUBJECTS: Final = {"User": "user", "Group": "group", "ServiceAccount": "serviceAccount"}
_QUEUING: Final = {"handSize": 8, "queues": 64, "queueLengthLimit": 50}
_SHARES: Final = 30
_NAMESPACES: Final = "each member of this list must be '*' or a DNS-1123 label"


class FlowSchemaStrategy(ResourceStrategy):
    has_generation = True
    status_keeps = ALL_METADATA
    new_status: Mapping[str, Any] | None = {}

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        spec["matchingPrecedence"] = spec.get("matchingPrecedence") or 1000

    def validate(self, obj: JsonObject) -> list[FieldError]:
        found = _flow_schema(obj["metadata"].get("name", ""), obj["spec"])
        return [*found, *self._mandatory(obj), *_status(obj)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(_status(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)

    def _mandatory(self, obj: JsonObject) -> Errors:
        name, fixed = _fixed("flowschemas", obj, self)
        if fixed is not None and fixed != obj["spec"]:
            yield field.invalid("spec", obj["spec"], f"spec of '{name}' must equal the fixed value")


class PriorityLevelStrategy(ResourceStrategy):
    has_generation = True
    status_keeps = ALL_METADATA
    new_status: Mapping[str, Any] | None = {}

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        for name, shares in (("limited", _SHARES), ("exempt", 0)):
            level = spec.get(name)
            if level is None:
                continue
            for part, value in (("nominalConcurrencyShares", shares), ("lendablePercent", 0)):
                if level.get(part) is None:
                    level[part] = value
            queuing = (level.get("limitResponse") or {}).get("queuing")
            if queuing is not None:
                queuing.update({part: queuing.get(part) or value for part, value in _QUEUING.items()})

    def validate(self, obj: JsonObject) -> list[FieldError]:
        found = _priority_level(obj["metadata"].get("name", ""), obj["spec"])
        return [*found, *self._mandatory(obj), *_status(obj)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(_status(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)

    def _mandatory(self, obj: JsonObject) -> Errors:
        name, fixed = _fixed("prioritylevelconfigurations", obj, self)
        if fixed is None:
            return
        spec, but = obj["spec"], ""
        if name == "exempt":
            fixed, but = {**fixed, "exempt": spec.get("exempt")}, " except the 'spec.exempt' field"
        if fixed != {**spec, **({"exempt": spec.get("exempt")} if but else {})}:
            yield field.invalid("spec", spec, f"spec of '{name}'{but} must equal the fixed value")


def _fixed(plural: str, obj: JsonObject, strategy: ResourceStrategy) -> tuple[str, JsonObject | None]:
    """Its name, and the spec that it must have where the server cannot do without it."""
    name = obj["metadata"].get("name", "")
    if name not in bootstrap_objects.MANDATORY:
        return name, None
    for kind, wanted in bootstrap_objects.load_objects():
        if kind == plural and wanted["metadata"]["name"] == name:
            strategy.default(wanted)
            return name, wanted["spec"]
    return name, None


def _status(obj: JsonObject) -> Errors:
    seen: set[str] = set()
    for where, condition in each((obj.get("status") or {}).get("conditions"), "status.conditions"):
        kind = condition.get("type", "")
        if kind in seen:
            yield field.duplicate(f"{where}.type", kind)
        seen.add(kind)
        if not kind:
            yield field.required(f"{where}.type")


def _flow_schema(name: str, spec: JsonObject) -> Errors:
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
        yield from named(level, path, names.is_dns1123_subdomain)
    else:
        yield field.required(path, "must reference a priority level")
    for where, rule in each(spec.get("rules"), "spec.rules"):
        yield from _rule(rule, where)


def _rule(rule: JsonObject, path: str) -> Errors:
    if not rule.get("subjects"):
        yield field.required(f"{path}.subjects", "subjects must contain at least one value")
    for where, subject in each(rule.get("subjects"), f"{path}.subjects"):
        yield from _subject(subject, where)
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        text = "at least one of resourceRules and nonResourceRules has to be non-empty"
        yield field.required(path, text)
    for where, each_rule in each(rule.get("resourceRules"), f"{path}.resourceRules"):
        yield from _resource_rule(each_rule, where)
    for where, each_rule in each(rule.get("nonResourceRules"), f"{path}.nonResourceRules"):
        yield from _verbs(each_rule, where)
        yield from _urls(each_rule.get("nonResourceURLs") or [], f"{where}.nonResourceURLs")


def _subject(subject: JsonObject, path: str) -> Errors:
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
        yield from named(name, f"{path}.{part}.name", names.is_dns1123_subdomain)
    namespace = held.get("namespace", "")
    if namespace:
        yield from named(namespace, f"{path}.{part}.namespace", names.is_dns1123_label)
    else:
        yield field.required(f"{path}.{part}.namespace", "must specify namespace for service account")


def _alone(values: Sequence[str], path: str, what: str) -> Errors:
    if len(values) > 1 and "*" in values:
        text = f"if '*' is present, must not specify other {what}"
        yield field.invalid(path, list(values), text)


def _verbs(rule: JsonObject, path: str) -> Errors:
    verbs = rule.get("verbs") or []
    if not verbs:
        yield field.required(f"{path}.verbs", "verbs must contain at least one value")
    elif "*" in verbs:
        yield from _alone(verbs, f"{path}.verbs", "verbs")
    elif not set(verbs) <= set(_VERBS):
        yield field.not_supported(f"{path}.verbs", verbs, _VERBS)


def _resource_rule(rule: JsonObject, path: str) -> Errors:
    yield from _verbs(rule, path)
    for part, one, what in (
        ("apiGroups", "api group", "api groups"),
        ("resources", "resource", "resources"),
    ):
        values = rule.get(part) or []
        if not values:
            yield field.required(f"{path}.{part}", f"resource rules must supply at least one {one}")
        yield from _alone(values, f"{path}.{part}", what)
    namespaces = rule.get("namespaces") or []
    if not namespaces and not rule.get("clusterScope"):
        text = "resource rules that are not cluster scoped must supply at least one namespace"
        yield field.required(f"{path}.namespaces", text)
    elif "*" in namespaces:
        yield from _alone(namespaces, f"{path}.namespaces", "namespaces")
    else:
        for where, namespace in each(namespaces, f"{path}.namespaces"):
            for text in names.is_dns1123_label(namespace):
                yield field.invalid(where, namespace, f"{_NAMESPACES}; {text}")


def _urls(urls: Sequence[str], path: str) -> Errors:
    if not urls:
        yield field.required(path, "nonResourceURLs must contain at least one value")
    if "*" in urls:
        if len(urls) > 1:
            text = "if '*' is present, must not specify other non-resource URLs"
            yield field.invalid(path, list(urls), text)
        return
    for where, url in each(urls, path):
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


def _priority_level(name: str, spec: JsonObject) -> Errors:
    kind, limited, exempt = spec.get("type", ""), spec.get("limited"), spec.get("exempt")
    if (name == "exempt") is not (kind == "Exempt") and kind in {"Exempt", "Limited"}:
        text = "must be 'Exempt' if and only if `name` is 'exempt'"
        yield field.invalid("spec.type", kind, text)
    if kind == "Exempt":
        if limited is not None:
            yield field.forbidden("spec.limited", "must be nil if the type is not Limited")
        if exempt is not None:
            yield from _exempt(exempt)
    elif kind == "Limited":
        if exempt is not None:
            yield field.forbidden("spec.exempt", "must be nil if the type is Limited")
        if limited is None:
            yield field.required("spec.limited", "must not be empty when type is Limited")
        else:
            yield from _limited(limited)
    else:
        yield field.not_supported("spec.type", kind, ["Exempt", "Limited"])


def _exempt(level: JsonObject) -> Errors:
    yield from _percent(level, "spec.exempt")
    if level["nominalConcurrencyShares"] < 0:
        text = "must be a non-negative integer"
        yield field.invalid("spec.exempt.nominalConcurrencyShares", level["nominalConcurrencyShares"], text)


def _percent(level: JsonObject, path: str) -> Errors:
    if not 0 <= level["lendablePercent"] <= 100:
        text = "must be between 0 and 100, inclusive"
        yield field.invalid(f"{path}.lendablePercent", level["lendablePercent"], text)


def _limited(level: JsonObject) -> Errors:
    path, shares = "spec.limited", level["nominalConcurrencyShares"]
    if shares < 0:
        text = "must be a non-negative integer"
        yield field.invalid(f"{path}.nominalConcurrencyShares", shares, text)
    yield from _response(level.get("limitResponse") or {}, f"{path}.limitResponse")
    yield from _percent(level, path)
    borrowing = level.get("borrowingLimitPercent")
    if borrowing is not None and borrowing < 0:
        text = "if specified, must be a non-negative integer"
        yield field.invalid(f"{path}.borrowingLimitPercent", borrowing, text)


def _response(response: JsonObject, path: str) -> Errors:
    kind, queuing = response.get("type", ""), response.get("queuing")
    if kind == "Reject":
        if queuing is not None:
            yield field.forbidden(
                f"{path}.queuing", "must be nil if limited.limitResponse.type is not Limited"
            )
        return
    if kind != "Queue":
        yield field.not_supported(f"{path}.type", kind, ["Queue", "Reject"])
        return
    path = f"{path}.queuing"
    if queuing is None:
        yield field.required(path, "must not be empty if limited.limitResponse.type is Limited")
        return
    limit, queues, hand = queuing["queueLengthLimit"], queuing["queues"], queuing["handSize"]
    if limit <= 0:
        yield field.invalid(f"{path}.queueLengthLimit", limit, "must be positive")
    if queues <= 0:
        yield field.invalid(f"{path}.queues", queues, "must be positive")
    elif queues > _QUEUES_MAX:
        yield field.invalid(f"{path}.queues", queues, f"must not be greater than {_QUEUES_MAX}")
    if hand <= 0:
        yield field.invalid(f"{path}.handSize", hand, "must be positive")
    elif hand > queues:
        text = f"should not be greater than queues ({queues})"
        yield field.invalid(f"{path}.handSize", hand, text)
    elif _entropy(queues, hand) > 60:
        text = f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than 60"
        yield field.invalid(f"{path}.handSize", hand, text)


def _entropy(queues: int, hand: int) -> int:
    """Bits that dealing a hand takes from a hash."""
    product = 1
    for taken in range(hand):
        product *= queues - taken
    return (product - 1).bit_length()
