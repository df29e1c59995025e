"""Templates of resource claims.

Source: upstream pkg/registry/resource/resourceclaimtemplate/strategy.go.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from kprov.kube.apiserver.interfaces import Authorizer
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, check_immutable
from kprov.kube.apiserver.registry.generic.hooks import Hooks
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.registry.resource.admin_access import AdminAccessHooks
from kprov.kube.apiserver.registry.resource.claim_spec import default_claim_spec, validate_claim_spec
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_TEMPLATE_METADATA: Final = ("labels", "annotations")


class ResourceClaimTemplateStrategy(ResourceStrategy):
    returns_deleted = True

    def make_hooks(self, options: Namespace, registry: Registry, authorizer: Authorizer) -> Hooks:
        return AdminAccessHooks(registry)

    def default(self, obj: JsonObject) -> None:
        default_claim_spec(obj.setdefault("spec", {}).setdefault("spec", {}))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*validate_claim_template(obj["spec"])]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*self.validate(obj), *check_immutable(obj, old, "", "spec")]


def validate_claim_template(spec: JsonObject) -> Errors:
    metadata, path = spec.get("metadata") or {}, "spec.metadata"
    yield from checks.check_annotations(metadata.get("annotations"), f"{path}.annotations")
    yield from checks.check_labels(metadata.get("labels"), f"{path}.labels")
    for part in metadata.keys() - set(_TEMPLATE_METADATA):
        yield field.forbidden(f"{path}.{part}", "cannot be set")
    yield from validate_claim_spec(spec.get("spec") or {}, "spec.spec")
