"""Resource claims.

Source: upstream pkg/registry/resource/resourceclaim/strategy.go.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.interfaces import Authorizer
from kprov.kube.apiserver.registry.generic.checks import check_immutable
from kprov.kube.apiserver.registry.generic.hooks import Hooks
from kprov.kube.apiserver.registry.generic.resource_strategy import (
    ALL_METADATA,
    METADATA_AND_SPEC_PATHS,
    ResourceStrategy,
)
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.registry.resource.claim_spec import default_claim_spec, validate_claim_spec
from kprov.kube.apiserver.registry.resource.device_taints import default_tolerations
from kprov.kube.apiserver.registry.resource.resource_claim.hooks import ResourceClaimHooks
from kprov.kube.apiserver.registry.resource.resource_claim.status import (
    drop_deallocated_devices,
    validate_claim_status,
)
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path


class ResourceClaimStrategy(ResourceStrategy):
    reset_fields: Mapping[str, tuple[Path, ...]] = {"status": METADATA_AND_SPEC_PATHS}
    returns_deleted = True
    fixed_in_status_update = ALL_METADATA
    new_status: Mapping[str, Any] | None = {}

    def make_hooks(self, options: Namespace, registry: Registry, authorizer: Authorizer) -> Hooks:
        return ResourceClaimHooks(registry, authorizer)

    def default(self, obj: JsonObject) -> None:
        default_claim_spec(obj.setdefault("spec", {}))
        allocation = (obj.get("status") or {}).get("allocation") or {}
        for result in (allocation.get("devices") or {}).get("results") or ():
            default_tolerations(result)

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*validate_claim_spec(obj["spec"], "spec")]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*check_immutable(obj, old, "", "spec")]

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        drop_deallocated_devices(obj, old)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*validate_claim_status(obj, old)]
