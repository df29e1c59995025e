"""The base strategy of kinds with a pod template.

Source: upstream pkg/registry/{apps,batch,core}/*/strategy.go (PrepareForCreate, PrepareForUpdate).
"""

from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec.disabled_fields import drop_disabled_fields
from kprov.kube.apiserver.registry.podspec.warnings import find_name_warnings
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.json_object import JsonObject


class TemplateStrategy(ResourceStrategy):
    """The base of kinds with a pod template. Drops fields of disabled features from the template."""

    #: Where the PodTemplateSpec is.
    template_path: tuple[str, ...] = ("spec", "template")

    #: The names of pods begin with the object's name, so its creation warns of a name that is no DNS label.
    names_pods = False

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        if old is not None or not self.names_pods:
            return []
        return find_name_warnings(obj["metadata"].get("name", ""), "Pod names and hostnames")

    def find_template(self, obj: JsonObject) -> JsonObject | None:
        """Return the PodTemplateSpec, None where the object has none."""
        value: Any = obj
        for part in self.template_path:
            value = (value or {}).get(part)
        return value if isinstance(value, dict) else None

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        template = self.find_template(obj)
        if template is not None:
            drop_disabled_fields(template["spec"])

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        template, before = self.find_template(obj), self.find_template(old)
        if template is not None:
            drop_disabled_fields(template["spec"], (before or {}).get("spec"))
        super().prepare_for_update(context, obj, old)
