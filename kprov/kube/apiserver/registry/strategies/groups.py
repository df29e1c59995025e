"""Kinds of the smaller groups: RBAC, networking, discovery, policy, autoscaling, scheduling, admission.

Source: upstream pkg/apis/*/v1/defaults.go and pkg/registry/*/*/strategy.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.resource_strategy import ALL_METADATA, ResourceStrategy, differs
from kprov.kube.apiserver.registry.podspec import node_label_warnings
from kprov.kube.apiserver.registry.strategies import (
    autoscaler_rules,
    class_rules,
    endpoint_rules,
    network_rules,
    status_rules,
)
from kprov.kube.apiserver.registry.strategies import group_rules as rules
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_RBAC: Final = "rbac.authorization.k8s.io"


def _missing(owner: JsonObject, name: str, value: Any) -> None:
    if owner.get(name) is None:
        owner[name] = value


class RoleStrategy(ResourceStrategy):
    allow_create_on_update = True

    def default(self, obj: JsonObject) -> None:
        obj.setdefault("rules", [])

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return rules.role(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return rules.role(obj, old)


class BindingStrategy(ResourceStrategy):
    allow_create_on_update = True

    def default(self, obj: JsonObject) -> None:
        reference: JsonObject = obj.setdefault("roleRef", {})
        reference["apiGroup"] = reference.get("apiGroup") or _RBAC
        for subject in obj.get("subjects") or ():
            if not subject.get("apiGroup") and subject.get("kind") in {"User", "Group"}:
                subject["apiGroup"] = _RBAC

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return rules.role_binding(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = rules.role_binding(obj)
        if obj["roleRef"] != old["roleRef"]:
            errors += rules.changed_role_ref(obj)
        return errors


class EndpointSliceStrategy(ResourceStrategy):
    has_generation = True

    def default(self, obj: JsonObject) -> None:
        for port in obj.get("ports") or ():
            _missing(port, "name", "")
            _missing(port, "protocol", "TCP")

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        endpoint_rules.drop_topology(obj)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        # What is dropped counts as a change all the same.
        super().prepare_for_update(context, obj, old)
        endpoint_rules.drop_topology(obj)

    def is_new_generation(self, obj: JsonObject, old: JsonObject) -> bool:
        return super().is_new_generation(obj, old) or differs(obj, old, "labels")

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        fqdn = old is None and obj.get("addressType") == "FQDN"
        found = ["spec.addressType: FQDN endpoints are deprecated"] if fqdn else []
        return found + list(endpoint_rules.slice_warnings(obj))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(endpoint_rules.endpoint_slice(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        errors = list(endpoint_rules.endpoint_slice(obj, old))
        if obj.get("addressType") != old.get("addressType"):
            errors.append(rules.immutable("addressType", obj.get("addressType")))
        return errors


class NetworkPolicyStrategy(ResourceStrategy):
    has_generation = True

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        _missing(spec, "podSelector", {})
        if not spec.get("policyTypes"):
            spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
        for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
            for port in rule.get("ports") or ():
                _missing(port, "protocol", "TCP")

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(network_rules.network_policy(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(network_rules.network_policy(obj, old))

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(network_rules.policy_warnings(obj))


_CLASS: Final = "kubernetes.io/ingress.class"
_SYSTEM_CLASSES: Final = frozenset({"system-cluster-critical", "system-node-critical"})


class IngressStrategy(ResourceStrategy):
    has_generation = True
    new_status: Mapping[str, Any] | None = {"loadBalancer": {}}

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        annotations = obj["metadata"].get("annotations") or {}
        if (
            old is not None
            or _CLASS not in annotations
            or (obj.get("spec") or {}).get("ingressClassName") is not None
        ):
            return []
        return [f"annotation \"{_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"]

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(network_rules.ingress(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(network_rules.ingress(obj, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(status_rules.ingress(obj, old))

    def status_warnings(self, obj: JsonObject) -> list[str]:
        return list(status_rules.ingress_warnings(obj))


class IngressClassStrategy(ResourceStrategy):
    has_generation = True

    def default(self, obj: JsonObject) -> None:
        parameters = obj.setdefault("spec", {}).get("parameters")
        if parameters is not None and parameters.get("scope") is None:
            parameters["scope"] = "Cluster"

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(network_rules.ingress_class(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(network_rules.ingress_class_update(obj, old))


class IpAddressStrategy(ResourceStrategy):
    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(class_rules.ip_address(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        wanted, had = obj["spec"].get("parentRef"), old["spec"].get("parentRef")
        errors = list(class_rules.ip_address(obj))
        return errors if wanted == had else [*errors, rules.immutable("spec.parentRef", wanted)]


class PodDisruptionBudgetStrategy(ResourceStrategy):
    has_generation = True
    allow_unconditional_update = False
    new_status: Mapping[str, Any] | None = {
        "disruptionsAllowed": 0,
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "expectedPods": 0,
    }

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return rules.disruption_budget(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return rules.disruption_budget(obj, old)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(status_rules.disruption_budget(obj))


class PriorityClassStrategy(ResourceStrategy):
    has_generation = True

    def deletion_refusal(self, name: str) -> str:
        if name not in _SYSTEM_CLASSES:
            return ""
        return "this is a system priority class and cannot be deleted"

    def default(self, obj: JsonObject) -> None:
        _missing(obj, "preemptionPolicy", "PreemptLowerPriority")
        obj.setdefault("value", 0)

    def is_new_generation(self, obj: JsonObject, old: JsonObject) -> bool:
        """A class stays what it is: it is of its first generation for ever."""
        return False

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return rules.priority_class(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return rules.priority_class_update(obj, old)


class AutoscalerStrategy(ResourceStrategy):
    new_status: Mapping[str, Any] | None = {"desiredReplicas": 0, "currentMetrics": None}

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        _missing(spec, "minReplicas", 1)
        if not spec.get("metrics"):
            target = {"type": "Utilization", "averageUtilization": 80}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        behavior = spec.get("behavior")
        if behavior is not None:
            percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
            up: JsonObject = behavior.setdefault("scaleUp", {})
            _missing(up, "stabilizationWindowSeconds", 0)
            _missing(up, "selectPolicy", "Max")
            _missing(up, "policies", [{"type": "Pods", "value": 4, "periodSeconds": 15}, dict(percent)])
            down: JsonObject = behavior.setdefault("scaleDown", {})
            _missing(down, "selectPolicy", "Max")
            _missing(down, "policies", [dict(percent)])

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(autoscaler_rules.autoscaler(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(autoscaler_rules.autoscaler(obj, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(status_rules.autoscaler(obj))


class LeaseStrategy(ResourceStrategy):
    allow_create_on_update = True
    allow_unconditional_update = False

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return rules.lease(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return rules.lease(obj)

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        _drop_coordination(obj)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        _drop_coordination(obj)


def _drop_coordination(obj: JsonObject) -> None:
    """Fields of coordinated leader election, which is off unless a gate says otherwise."""
    for part in ("strategy", "preferredHolder"):
        (obj.get("spec") or {}).pop(part, None)


class RuntimeClassStrategy(ResourceStrategy):
    allow_create_on_update = True
    allow_unconditional_update = False

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(node_label_warnings.runtime_class(obj))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(class_rules.runtime_class(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(class_rules.runtime_class_update(obj, old))


class ServiceCidrStrategy(ResourceStrategy):
    status_keeps = ALL_METADATA

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(class_rules.service_cidr(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(class_rules.service_cidr_update(obj, old))
