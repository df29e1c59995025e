"""The strategy of services. hooks.py allocates cluster IPs and node ports.

Source: upstream pkg/registry/core/service/strategy.go.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from kprov.kube.apiserver.interfaces import Authorizer
from kprov.kube.apiserver.registry.core.service import allocators, defaults, update
from kprov.kube.apiserver.registry.core.service import validation as rules
from kprov.kube.apiserver.registry.core.service.hooks import ServiceHooks
from kprov.kube.apiserver.registry.core.service.status import validate_service_status
from kprov.kube.apiserver.registry.generic.hooks import Hooks
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class ServiceStrategy(ResourceStrategy):
    storage_folder = "services/specs"
    check_name = staticmethod(names.is_dns1123_label)
    returns_deleted = True
    allow_create_on_update = True
    missing_effect = "gets no external address"

    def make_hooks(self, options: Namespace, registry: Registry, authorizer: Authorizer) -> Hooks:
        return ServiceHooks(*allocators.build(options, registry))

    def default(self, obj: JsonObject) -> None:
        defaults.default_service(obj)

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        obj["status"] = {"loadBalancer": {}}
        _drop_hidden(obj["spec"])

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        update.drop_type_dependent(obj["spec"], old["spec"])
        _drop_hidden(obj["spec"])
        if obj["spec"]["type"] != "LoadBalancer":
            obj["status"] = {**(obj.get("status") or {}), "loadBalancer": {}}

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        spec = obj.get("spec") or {}
        return {"spec.clusterIP": spec.get("clusterIP", ""), "spec.type": spec.get("type", "")}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(rules.validate_service(obj))

    def find_missing_feature(self, obj: JsonObject) -> str:
        spec, balancer = obj["spec"], (obj.get("status") or {}).get("loadBalancer") or {}
        if spec["type"] != "LoadBalancer" or balancer.get("ingress"):
            return ""
        # A service with a class is the business of a controller that somebody else installs.
        return "" if spec.get("loadBalancerClass") else "load balancers"

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return rules.find_service_warnings(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(rules.validate_service_update(obj, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_service_status(obj, old))


def _drop_hidden(spec: JsonObject) -> None:
    """Drop fields that upstream stores but never returns."""
    if spec["type"] == "ExternalName" and spec.get("internalTrafficPolicy") in {"Cluster", "Local"}:
        del spec["internalTrafficPolicy"]
