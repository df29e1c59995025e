"""What kinds with a template of pods have in common.

Source: upstream pkg/registry/{apps,batch,core}/*/strategy.go (PrepareForCreate, PrepareForUpdate).
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec.disabled_fields import drop_disabled_fields
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.json_object import JsonObject


class TemplateStrategy(ResourceStrategy):
    """Fields whose features are off are left out of the template, too."""

    def template(self, obj: JsonObject) -> JsonObject | None:
        """The PodTemplateSpec; None where the kind may have none."""
        found: JsonObject | None = obj["spec"].get("template")
        return found

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        template = self.template(obj)
        if template is not None:
            drop_disabled_fields(template["spec"])

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        template, before = self.template(obj), self.template(old)
        if template is not None:
            drop_disabled_fields(template["spec"], (before or {}).get("spec"))
        super().prepare_for_update(context, obj, old)
