"""Webhook configurations, validating and mutating: defaults and field rules.

Source: upstream pkg/apis/admissionregistration/v1/defaults.go, pkg/apis/admissionregistration/validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.apiserver.registry.admissionregistration.match_conditions import validate_match_conditions
from kprov.kube.apiserver.registry.admissionregistration.rules import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    validate_rule,
)
from kprov.kube.apiserver.registry.admissionregistration.webhook_client import validate_client_config
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_label_selector,
    check_value,
    enumerate_items,
)
from kprov.kube.apiserver.registry.generic.defaulting import set_defaults
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_SIDE_EFFECTS: Final = ["None", "NoneOnDryRun"]
_SELECTORS: Final = ("namespaceSelector", "objectSelector")
_REVIEW_VERSIONS: Final = {"v1", "v1beta1"}


class WebhookConfigurationStrategy(ResourceStrategy):
    """The base of both kinds of webhook configurations."""

    has_generation = True
    allow_unconditional_update = False

    def find_missing_feature(self, obj: JsonObject) -> str:
        return "admission webhooks"

    def default(self, obj: JsonObject) -> None:
        for hook in obj.get("webhooks") or ():
            set_defaults(
                hook,
                failurePolicy="Fail",
                matchPolicy="Equivalent",
                namespaceSelector={},
                objectSelector={},
                timeoutSeconds=10,
            )
            for each_rule in hook.get("rules") or ():
                set_defaults(each_rule, scope="*")
            service = (hook.get("clientConfig") or {}).get("service")
            if service:
                set_defaults(service, port=443)

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*_validate_webhooks(obj, _OldFaults())]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [
            *_validate_webhooks(obj, _find_old_faults(obj.get("webhooks") or [], old.get("webhooks") or []))
        ]


@dataclass(frozen=True, slots=True)
class _OldFaults:
    """Rules that an update may break because the old object breaks them already."""

    side_effects: bool = False
    unknown_versions: bool = False
    same_names: bool = False
    label_values: bool = False
    #: The update does not change the match conditions.
    conditions: bool = False


def _find_old_faults(new: Sequence[JsonObject], old: Sequence[JsonObject]) -> _OldFaults:
    known = [hook.get("name", "") for hook in old]
    return _OldFaults(
        side_effects=any(hook.get("sideEffects") not in _SIDE_EFFECTS for hook in old),
        unknown_versions=any(
            hook.get("admissionReviewVersions")
            and not _REVIEW_VERSIONS & set(hook["admissionReviewVersions"])
            for hook in old
        ),
        same_names=len(known) > len(set(known)),
        label_values=any(checks.is_invalid_selector(hook.get(part)) for hook in old for part in _SELECTORS),
        conditions=len(new) == len(old)
        and all(
            hook.get("matchConditions") == before.get("matchConditions")
            for hook, before in zip(new, old, strict=True)
        ),
    )


def _validate_webhooks(obj: JsonObject, leave: _OldFaults) -> Errors:
    seen: set[str] = set()
    for path, hook in enumerate_items(obj.get("webhooks"), "webhooks"):
        yield from _validate_webhook(hook, path, leave)
        name = hook.get("name", "")
        if name and name in seen and not leave.same_names:
            yield field.duplicate(f"{path}.name", name)
        seen.add(name)


def _validate_webhook(hook: JsonObject, path: str, leave: _OldFaults) -> Errors:
    yield from _validate_webhook_name(hook.get("name", ""), f"{path}.name")
    for where, each_rule in enumerate_items(hook.get("rules"), f"{path}.rules"):
        yield from validate_rule(each_rule, where)
    yield from check_enum(hook["failurePolicy"], f"{path}.failurePolicy", FAILURE_POLICIES)
    yield from check_enum(hook["matchPolicy"], f"{path}.matchPolicy", MATCH_POLICIES)
    supported = [*_SIDE_EFFECTS, "Some", "Unknown"] if leave.side_effects else _SIDE_EFFECTS
    if hook.get("sideEffects") is None:
        yield field.required(f"{path}.sideEffects", f"must specify one of {', '.join(supported)}")
    yield from check_enum(hook.get("sideEffects"), f"{path}.sideEffects", supported)
    if not 1 <= hook["timeoutSeconds"] <= 30:
        text = "the timeout value must be between 1 and 30 seconds"
        yield field.invalid(f"{path}.timeoutSeconds", hook["timeoutSeconds"], text)
    for part in _SELECTORS:
        yield from check_label_selector(hook[part], f"{path}.{part}", any_values=leave.label_values)
    if "reinvocationPolicy" in hook:
        policies = ["IfNeeded", "Never"]
        yield from check_enum(hook["reinvocationPolicy"], f"{path}.reinvocationPolicy", policies)
    yield from validate_client_config(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    if not leave.conditions:
        yield from validate_match_conditions(hook.get("matchConditions"), f"{path}.matchConditions")
    versions = hook.get("admissionReviewVersions") or []
    where = f"{path}.admissionReviewVersions"
    yield from _validate_review_versions(versions, where, is_any=leave.unknown_versions)


def _validate_review_versions(versions: Sequence[str], path: str, *, is_any: bool) -> Errors:
    if not versions:
        yield field.required(path, "must specify one of v1, v1beta1")
        return
    seen: set[str] = set()
    for where, version in enumerate_items(versions, path):
        if version in seen:
            yield field.invalid(where, version, "duplicate version")
            continue
        seen.add(version)
        yield from check_value(version, where, names.is_dns1035_label)
    if not is_any and not _REVIEW_VERSIONS & seen:
        yield field.invalid(path, versions, "must include at least one of v1, v1beta1")


def _validate_webhook_name(name: str, path: str) -> Errors:
    if not name:
        yield field.required(path)
        return
    wrong = names.is_dns1123_subdomain(name)
    if wrong:
        yield field.invalid(path, name, ",".join(wrong))
    elif name.count(".") < 2:
        text = "should be a domain with at least three segments separated by dots"
        yield field.invalid(path, name, text)
