"""Pod templates.

Source: upstream pkg/registry/core/podtemplate/strategy.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.podspec import defaults as podspec_defaults
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.apiserver.registry.podspec import warnings as podspec_warnings
from kprov.kube.apiserver.registry.podspec.template_strategy import TemplateStrategy
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class PodTemplateStrategy(TemplateStrategy):
    has_generation = True
    template_path = ("template",)
    returns_deleted = True

    def default(self, obj: JsonObject) -> None:
        podspec_defaults.default_template(obj.setdefault("template", {}))

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        if old is not None and obj["metadata"].get("generation") == old["metadata"].get("generation"):
            return []
        template = obj["template"]
        return podspec_warnings.find_pod_warnings(
            template.get("metadata") or {}, template["spec"], "template"
        )

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(template_validation.validate_template(obj["template"], "template", self.settings))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(
            template_validation.validate_template(obj["template"], "template", self.settings, old["template"])
        )
