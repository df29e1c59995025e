"""The base of workloads: kinds whose spec has a pod template.

Source: upstream pkg/registry/{apps,batch,core}/*/strategy.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.podspec import defaults as podspec_defaults
from kprov.kube.apiserver.registry.podspec import warnings as podspec_warnings
from kprov.kube.apiserver.registry.podspec.template_strategy import TemplateStrategy
from kprov.kube.machinery.json_object import JsonObject


class WorkloadStrategy(TemplateStrategy):
    new_status: Mapping[str, Any] | None = {}
    #: The template is a struct, not a pointer that may be nil.
    has_template = True

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        if spec.get("template") is not None or self.has_template:
            podspec_defaults.default_template(spec.setdefault("template", {}))
        self.default_fields(obj, spec)

    def default_fields(self, obj: JsonObject, spec: JsonObject) -> None:
        """Set the defaults of fields other than the template."""

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        warnings = super().find_warnings(obj, old)
        if old is None or self.repeats_warnings(obj, old):
            warnings += self.find_template_warnings(obj)
        return warnings

    def find_template_warnings(self, obj: JsonObject) -> list[str]:
        template = obj["spec"].get("template")
        if template is None:
            return []
        return podspec_warnings.find_pod_warnings(
            template.get("metadata") or {}, template["spec"], "spec.template"
        )

    def repeats_warnings(self, obj: JsonObject, old: JsonObject) -> bool:
        """Whether an update repeats the warnings about the template."""
        generation: bool = obj["metadata"].get("generation") != old["metadata"].get("generation")
        return generation
