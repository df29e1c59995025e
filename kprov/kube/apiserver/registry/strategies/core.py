"""Small kinds of the core group.

Source: upstream pkg/apis/core/v1/defaults.go and pkg/registry/core/*/strategy.go.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.core.node import validation as node_validation
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy, keep
from kprov.kube.apiserver.registry.strategies import core_rules as rules
from kprov.kube.apiserver.registry.strategies import endpoint_rules, quota_rules, status_rules
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class NamespaceStrategy(ResourceStrategy):
    returns_deleted = True

    def default(self, obj: JsonObject) -> None:
        name = obj["metadata"].get("name")
        if name:
            obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
        status: JsonObject = obj.setdefault("status", {})
        status["phase"] = status.get("phase") or "Active"

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        obj["status"] = {"phase": "Active"}
        finalizers: list[str] = obj.setdefault("spec", {}).setdefault("finalizers", [])
        if "kubernetes" not in finalizers:
            finalizers.append("kubernetes")

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Finalizers go by /finalize only, so that nobody ends a namespace by mistake."""
        keep(obj, old, "status")
        if context.info.subresource != "finalize":
            keep(obj, old, "spec")

    def validate(self, obj: JsonObject) -> list[FieldError]:
        """Of a new one: an update cannot change them."""
        return list(rules.namespace(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        """Only /finalize changes them."""
        return [] if obj.get("spec") == old.get("spec") else list(rules.namespace(obj, changed=True))

    def failed_precondition(self, what: str, wanted: str, found: str) -> str:
        return f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"

    def terminate(self, obj: JsonObject) -> bool:
        """Its controller ends it, also when nothing holds it."""
        obj.setdefault("status", {})["phase"] = "Terminating"
        return True

    def holds(self, obj: JsonObject) -> bool:
        return bool((obj.get("spec") or {}).get("finalizers"))

    def selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"status.phase": (obj.get("status") or {}).get("phase", "")}

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(status_rules.namespace(obj))


class NodeStrategy(ResourceStrategy):
    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        # The first range and the list that came after it say the same; the first one wins.
        ranges = spec.get("podCIDRs")
        if spec.get("podCIDR") and (not ranges or ranges[0] != spec["podCIDR"]):
            spec["podCIDRs"] = [spec["podCIDR"]]
        elif ranges:
            spec["podCIDR"] = ranges[0]
        status = obj.get("status") or {}
        if status.get("capacity") and not status.get("allocatable"):
            status["allocatable"] = dict(status["capacity"])

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """A kubelet registers its node with the status it has, and that is kept."""
        _drop_config_source(obj)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        _drop_config_source(obj)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        _drop_config_source(obj)

    def selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        spec = obj.get("spec") or {}
        return {"spec.unschedulable": "true" if spec.get("unschedulable") else "false"}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(node_validation.node(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*node_validation.node(obj), *node_validation.node_update(obj, old)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(node_validation.node_update(obj, old))

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        if not (obj.get("spec") or {}).get("externalID"):
            return []
        return ["spec.externalID: this field is deprecated, and is unused by Kubernetes"]


def _drop_config_source(obj: JsonObject) -> None:
    """Of kubelets that took their configuration from the API, and its state."""
    (obj.get("spec") or {}).pop("configSource", None)
    (obj.get("status") or {}).pop("config", None)


class SecretStrategy(ResourceStrategy):
    def default(self, obj: JsonObject) -> None:
        obj["type"] = obj.get("type") or "Opaque"
        plain = obj.pop("stringData", None)
        for key, text in (obj.get("data") or {}).items():
            if text is None:
                obj["data"][key] = ""
        if plain:
            data: JsonObject = obj.setdefault("data", {})
            for key, text in plain.items():
                data[key] = base64.b64encode(text.encode()).decode()

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        if not obj.get("type"):
            obj["type"] = old.get("type", "")

    def selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"type": obj.get("type", "")}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return rules.secret(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return rules.secret(obj) + rules.secret_update(obj, old)

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return rules.secret_warnings(obj)


_MOUNTABLE_SECRETS: Final = "kubernetes.io/enforce-mountable-secrets"


class ServiceAccountStrategy(ResourceStrategy):
    returns_deleted = True

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        _names_only(obj)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        _names_only(obj)

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        """Of an annotation that is new."""
        has, had = (_MOUNTABLE_SECRETS in _annotations(one) for one in (obj, old or {}))
        if had or not has:
            return []
        text = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
        return [f"metadata.annotations[{_MOUNTABLE_SECRETS}]: {text}"]


def _annotations(obj: JsonObject) -> JsonObject:
    return (obj.get("metadata") or {}).get("annotations") or {}


def _names_only(obj: JsonObject) -> None:
    """Of the secrets, which are of the account's namespace."""
    for index, secret in enumerate(obj.get("secrets") or ()):
        obj["secrets"][index] = {"name": secret["name"]} if secret.get("name") else {}


class EndpointsStrategy(ResourceStrategy):
    allow_create_on_update = True

    def default(self, obj: JsonObject) -> None:
        for subset in obj.get("subsets") or ():
            for port in subset.get("ports") or ():
                port["protocol"] = port.get("protocol") or "TCP"

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(endpoint_rules.endpoints(obj))

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        return list(endpoint_rules.endpoints_warnings(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        """Subsets that stay are let be: versions of old took what is refused today."""
        wrong = list(endpoint_rules.endpoints(obj))
        return wrong if (obj.get("subsets") or []) != (old.get("subsets") or []) else []


class LimitRangeStrategy(ResourceStrategy):
    allow_create_on_update = True

    def default(self, obj: JsonObject) -> None:
        for item in (obj.get("spec") or {}).get("limits") or ():
            if item.get("type") != "Container":
                continue
            limits: JsonObject = item.setdefault("default", {})
            requests: JsonObject = item.setdefault("defaultRequest", {})
            for target, source in (
                (limits, item.get("max")),
                (requests, limits),
                (requests, item.get("min")),
            ):
                for name, amount in (source or {}).items():
                    target.setdefault(name, amount)
            for name in ("default", "defaultRequest"):
                if not item[name]:
                    del item[name]

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        """A limit range without a name gets one that nobody has."""
        super().prepare_for_create(context, obj)
        if not obj["metadata"].get("name"):
            obj["metadata"]["name"] = str(uuid.uuid4())

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(quota_rules.limit_range(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(quota_rules.limit_range(obj))


class ResourceQuotaStrategy(ResourceStrategy):
    returns_deleted = True
    new_status: Mapping[str, Any] | None = {}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(quota_rules.quota(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(quota_rules.quota_update(obj, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(quota_rules.quota_status(obj))


class ConfigMapStrategy(ResourceStrategy):
    def validate(self, obj: JsonObject) -> list[FieldError]:
        return rules.config_map(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return rules.config_map(obj) + rules.immutable_flag(obj, old, "data", "binaryData")
