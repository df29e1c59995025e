"""Rules that several workloads share: the pod template and the selector.

Source: upstream pkg/apis/apps/validation/validation.go, pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject


def find_old_template(old: JsonObject | None) -> JsonObject | None:
    """Return the template of the old object; None at creation."""
    template: JsonObject | None = (old or {}).get("spec", {}).get("template")
    return template


def validate_replicated_template(
    spec: JsonObject, settings: ServerSettings, old: JsonObject | None
) -> Errors:
    """Field rules of a template for replica sets. old: the old template."""
    matching = template_validation.is_selector_matching(spec)
    if matching is None:
        yield field.invalid("spec.selector", spec["selector"], "invalid label selector")
        return
    if not matching:
        yield template_validation.make_mismatch_error(spec)
    yield from template_validation.validate_template(spec["template"], "spec.template", settings, old)
    yield from template_validation.validate_restart_always(spec["template"], "ReplicaSet", "spec.template")


def check_immutable_selector(obj: JsonObject, old: JsonObject) -> Errors:
    if obj["spec"].get("selector") != old["spec"].get("selector"):
        yield field.invalid("spec.selector", obj["spec"].get("selector"), checks.IMMUTABLE)
