"""Templates of pods, and the selectors that must match them.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePodTemplateSpec), pkg/apis/apps/validation.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import annotations as pod_annotations
from kprov.kube.apiserver.registry.podspec import validation as podspec_validation
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import LabelSelector, SelectorError

NO_MATCH: Final = "`selector` does not match template `labels`"


def validate_template(
    value: JsonObject, path: str, settings: ServerSettings, old: JsonObject | None = None
) -> Errors:
    """Field rules of a pod template. old: before an update; some invalid values may stay."""
    metadata, spec = value.get("metadata") or {}, value["spec"]
    before: JsonObject = old or {}
    yield from checks.check_labels(metadata.get("labels"), f"{path}.labels")
    yield from checks.check_annotations(metadata.get("annotations"), f"{path}.annotations")
    where = f"{path}.annotations"
    yield from pod_annotations.validate_pod_annotations(metadata, spec, where, before.get("metadata"))
    yield from podspec_validation.validate_pod_spec(spec, f"{path}.spec", settings, before=before.get("spec"))
    yield from pod_annotations.validate_matching_profiles(metadata, spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        text = "ephemeral containers not allowed in pod template"
        yield field.forbidden(f"{path}.spec.ephemeralContainers", text)


def validate_restart_always(value: JsonObject, kind: str, path: str) -> Errors:
    """Refuse restart policies and fields that a controller that replaces its pods does not support."""
    spec = value["spec"]
    if spec["restartPolicy"] != "Always":
        yield field.not_supported(f"{path}.spec.restartPolicy", spec["restartPolicy"], ["Always"])
    if spec.get("activeDeadlineSeconds") is not None:
        text = f"activeDeadlineSeconds in {kind} is not Supported"
        yield field.forbidden(f"{path}.spec.activeDeadlineSeconds", text)


def validate_selector(spec: JsonObject, kind: str, *, required: bool = True) -> Errors:
    """Check that spec.selector is set and not empty."""
    selector = spec.get("selector")
    if selector is None:
        if required:
            yield field.required("spec.selector")
        return
    yield from checks.check_label_selector(selector, "spec.selector")
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield field.invalid("spec.selector", selector, f"empty selector is invalid for {kind}")


def is_selector_matching(spec: JsonObject) -> bool | None:
    """Whether the selector matches the template's labels; None if the selector is invalid.

    A missing selector matches nothing, an empty one matches everything.
    """
    selector = spec.get("selector")
    if selector is None:
        return False
    try:
        return LabelSelector.from_object(selector).matches(read_template_labels(spec))
    except SelectorError:
        return None


def read_template_labels(spec: JsonObject) -> dict[str, str]:
    labels: dict[str, str] = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    return labels


def make_mismatch_error(spec: JsonObject) -> field.FieldError:
    shown = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    return field.invalid("spec.template.metadata.labels", shown, NO_MATCH)
