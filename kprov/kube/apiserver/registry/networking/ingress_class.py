"""Ingress classes.

Source: upstream pkg/registry/networking/ingressclass/strategy.go,
pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, check_domain_path
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.networking.typed_reference import validate_typed_reference
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_CONTROLLER_MAX: Final = 250


class IngressClassStrategy(ResourceStrategy):
    has_generation = True

    def default(self, obj: JsonObject) -> None:
        parameters = obj.setdefault("spec", {}).get("parameters")
        if parameters is not None and parameters.get("scope") is None:
            parameters["scope"] = "Cluster"

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_ingress_class(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_ingress_class_update(obj, old))


def validate_ingress_class(obj: JsonObject) -> Errors:
    spec, path = obj["spec"], "spec.parameters"
    controller = spec.get("controller", "")
    if len(controller.encode()) > _CONTROLLER_MAX:
        yield field.too_long("spec.controller", _CONTROLLER_MAX)
    yield from check_domain_path(controller, "spec.controller")
    parameters = spec.get("parameters")
    if parameters is None:
        return
    yield from validate_typed_reference(parameters, path)
    scope, namespace = parameters.get("scope") or "", parameters.get("namespace")
    yield from checks.check_enum(scope, f"{path}.scope", ["Cluster", "Namespace"])
    if scope == "Namespace":
        if namespace is None:
            yield field.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
        else:
            yield from checks.check_value(namespace, f"{path}.namespace", names.is_dns1123_label)
    elif scope == "Cluster" and namespace is not None:
        yield field.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")


def validate_ingress_class_update(obj: JsonObject, old: JsonObject) -> Errors:
    controller = obj["spec"].get("controller", "")
    if controller != old["spec"].get("controller", ""):
        yield field.invalid("spec.controller", controller, checks.IMMUTABLE)
    yield from validate_ingress_class(obj)
