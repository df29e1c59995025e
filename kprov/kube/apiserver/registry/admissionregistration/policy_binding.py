"""Bindings of admission policies, validating and mutating.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.admissionregistration.match_resources import (
    default_match_resources,
    validate_match_resources,
)
from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_label_selector,
    check_required_enum,
    check_value,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class PolicyBindingStrategy(ResourceStrategy):
    """The base of both kinds of bindings."""

    has_generation = True
    allow_unconditional_update = False

    def default(self, obj: JsonObject) -> None:
        default_match_resources(obj.setdefault("spec", {}).get("matchResources"))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        spec = obj["spec"]
        return [*_validate_references(spec), *self.validate_own_fields(spec)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return self.validate(obj)

    def validate_own_fields(self, spec: JsonObject) -> Errors:
        """Field rules that only one of both kinds has."""
        yield from ()


def _validate_references(spec: JsonObject) -> Errors:
    name = spec.get("policyName", "")
    if not name:
        yield field.required("spec.policyName")
    else:
        yield from check_value(name, "spec.policyName", names.is_dns1123_subdomain)
    reference = spec.get("paramRef")
    if reference is not None:
        yield from _validate_param_reference(reference)
    if spec.get("matchResources") is not None:
        yield from validate_match_resources(spec["matchResources"], "spec.matchResources")


def _validate_param_reference(reference: JsonObject) -> Errors:
    path = "spec.paramRef"
    both = "name and selector are mutually exclusive"
    name, selector = reference.get("name"), reference.get("selector")
    if name:
        yield from check_value(name, f"{path}.name", names.is_path_segment_name)
        if selector is not None:
            yield field.forbidden(f"{path}.name", both)
    if selector is not None:
        yield from check_label_selector(selector, f"{path}.selector")
        if name:
            yield field.forbidden(f"{path}.selector", both)
    elif not name:
        yield field.required(path, "one of name or selector must be specified")
    action = reference.get("parameterNotFoundAction")
    yield from check_required_enum(action, f"{path}.parameterNotFoundAction", ["Deny", "Allow"])
