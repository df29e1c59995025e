"""Priority level configurations.

Source: upstream pkg/apis/flowcontrol/v1/defaults.go, pkg/apis/flowcontrol/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.flowcontrol.mandatory import find_mandatory_spec, validate_status
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.resource_strategy import (
    ALL_METADATA,
    METADATA_AND_SPEC_PATHS,
    ResourceStrategy,
)
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path

_QUEUES_MAX: Final = 10_000_000
_QUEUING: Final = {"handSize": 8, "queues": 64, "queueLengthLimit": 50}
_SHARES: Final = 30
#: An annotation of v1beta3, where shares of zero meant the default. v1 forbids it.
_PRESERVE_ZERO: Final = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"


class PriorityLevelConfigurationStrategy(ResourceStrategy):
    reset_fields: Mapping[str, tuple[Path, ...]] = {"status": METADATA_AND_SPEC_PATHS}
    has_generation = True
    fixed_in_status_update = ALL_METADATA
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
        errors = _validate_priority_level(obj["metadata"].get("name", ""), obj["spec"])
        return [*errors, *_check_annotations(obj), *self._mandatory(obj), *validate_status(obj)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_status(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)

    def _mandatory(self, obj: JsonObject) -> Errors:
        name, fixed = find_mandatory_spec("prioritylevelconfigurations", obj, self)
        if fixed is None:
            return
        spec, but = obj["spec"], ""
        if name == "exempt":
            fixed, but = {**fixed, "exempt": spec.get("exempt")}, " except the 'spec.exempt' field"
        if fixed != {**spec, **({"exempt": spec.get("exempt")} if but else {})}:
            yield field.invalid("spec", spec, f"spec of '{name}'{but} must equal the fixed value")


def _check_annotations(obj: JsonObject) -> Errors:
    if _PRESERVE_ZERO in (obj["metadata"].get("annotations") or {}):
        yield field.forbidden("metadata.annotations", f"annotation '{_PRESERVE_ZERO}' is forbidden")


def _validate_priority_level(name: str, spec: JsonObject) -> Errors:
    kind, limited, exempt = spec.get("type", ""), spec.get("limited"), spec.get("exempt")
    if (name == "exempt") is not (kind == "Exempt") and kind in {"Exempt", "Limited"}:
        text = "must be 'Exempt' if and only if `name` is 'exempt'"
        yield field.invalid("spec.type", kind, text)
    if kind == "Exempt":
        if limited is not None:
            yield field.forbidden("spec.limited", "must be nil if the type is not Limited")
        if exempt is not None:
            yield from _validate_exempt(exempt)
    elif kind == "Limited":
        if exempt is not None:
            yield field.forbidden("spec.exempt", "must be nil if the type is Limited")
        if limited is None:
            yield field.required("spec.limited", "must not be empty when type is Limited")
        else:
            yield from _validate_limited(limited)
    else:
        yield field.not_supported("spec.type", kind, ["Exempt", "Limited"])


def _validate_exempt(level: JsonObject) -> Errors:
    yield from _validate_percent(level, "spec.exempt")
    if level["nominalConcurrencyShares"] < 0:
        text = "must be a non-negative integer"
        yield field.invalid("spec.exempt.nominalConcurrencyShares", level["nominalConcurrencyShares"], text)


def _validate_percent(level: JsonObject, path: str) -> Errors:
    if not 0 <= level["lendablePercent"] <= 100:
        text = "must be between 0 and 100, inclusive"
        yield field.invalid(f"{path}.lendablePercent", level["lendablePercent"], text)


def _validate_limited(level: JsonObject) -> Errors:
    path, shares = "spec.limited", level["nominalConcurrencyShares"]
    if shares < 0:
        text = "must be a non-negative integer"
        yield field.invalid(f"{path}.nominalConcurrencyShares", shares, text)
    yield from _validate_response(level.get("limitResponse") or {}, f"{path}.limitResponse")
    yield from _validate_percent(level, path)
    borrowing = level.get("borrowingLimitPercent")
    if borrowing is not None and borrowing < 0:
        text = "if specified, must be a non-negative integer"
        yield field.invalid(f"{path}.borrowingLimitPercent", borrowing, text)


def _validate_response(response: JsonObject, path: str) -> Errors:
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
    yield from _validate_queuing(queuing, path)


def _validate_queuing(queuing: JsonObject, path: str) -> Errors:
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
    elif _count_entropy_bits(queues, hand) > 60:
        text = f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than 60"
        yield field.invalid(f"{path}.handSize", hand, text)


def _count_entropy_bits(queues: int, hand: int) -> int:
    """Return the bits of a hash that shuffle sharding needs for one hand."""
    product = 1
    for taken in range(hand):
        product *= queues - taken
    return (product - 1).bit_length()
