"""What an update of a pod may change: images, deadlines, more tolerations, fewer scheduling gates.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePodUpdate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import checks, resource_strategy
from kprov.kube.apiserver.registry.generic.checks import INT32_MAX, Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import annotations as pod_annotations
from kprov.kube.apiserver.registry.podspec import scheduling as scheduling_rules
from kprov.kube.apiserver.registry.podspec import validation as podspec_validation
from kprov.kube.machinery import field
from kprov.kube.machinery.json_difference import describe_difference
from kprov.kube.machinery.json_object import JsonObject

_CHANGEABLE: Final = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
#: Fields with rules of their own.
_CHANGING: Final = ("activeDeadlineSeconds", "tolerations", "schedulingGates")
_GRACE: Final = "terminationGracePeriodSeconds"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def validate_pod_update(obj: JsonObject, settings: ServerSettings, old: JsonObject) -> Errors:
    yield from podspec_validation.validate_pod(obj, settings, old["spec"])
    yield from pod_annotations.validate_unchanged_annotations(obj, old)
    spec, before = obj["spec"], old["spec"]
    for kind in ("containers", "initContainers"):
        if len(spec.get(kind) or ()) != len(before.get(kind) or ()):
            yield field.forbidden(f"spec.{kind}", "pod updates may not add or remove containers")
            return
        yield from _validate_images(spec.get(kind) or (), f"spec.{kind}")
    yield from _validate_active_deadline(
        spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    )
    yield from _validate_added_tolerations(spec, before)
    yield from _validate_removed_gates(spec, before)
    if spec == before:
        return
    if before.get("schedulingGates"):
        yield from _validate_placement(spec, before)
    allowed = _undo_allowed_changes(spec, before)
    if _drop_empty_fields(allowed) != _drop_empty_fields(before):
        text = f"pod updates may not change fields other than {_CHANGEABLE}\n"
        yield field.forbidden("spec", text + describe_difference(before, allowed))


def _validate_images(containers: Sequence[JsonObject], path: str) -> Errors:
    for where, container in enumerate_items(containers, path):
        image = container.get("image", "")
        if not image:
            yield field.required(f"{where}.image")
        if image.strip() != image:
            yield field.invalid(f"{where}.image", image, "must not have leading or trailing whitespace")


def _validate_active_deadline(wanted: int | None, had: int | None) -> Errors:
    path = "spec.activeDeadlineSeconds"
    if wanted is None:
        if had is not None:
            yield field.invalid(path, None, "must not update from a positive integer to nil value")
        return
    yield from checks.check_range(wanted, path, 0, INT32_MAX)
    if had is not None and had < wanted:
        yield field.invalid(path, wanted, "must be less than or equal to previous value")


def _validate_added_tolerations(spec: JsonObject, before: JsonObject) -> Errors:
    def identity(toleration: JsonObject) -> JsonObject:
        return {name: value for name, value in toleration.items() if name != "tolerationSeconds"}

    now = [identity(new_toleration) for new_toleration in spec.get("tolerations") or ()]
    for toleration in before.get("tolerations") or ():
        if identity(toleration) not in now:
            text = "existing toleration can not be modified except its tolerationSeconds"
            yield field.forbidden("spec.tolerations", text)
            return
    yield from scheduling_rules.validate_tolerations(spec.get("tolerations"), "spec.tolerations")


def _validate_removed_gates(spec: JsonObject, before: JsonObject) -> Errors:
    had = {gate["name"] for gate in before.get("schedulingGates") or ()}
    for where, gate in enumerate_items(spec.get("schedulingGates"), "spec.schedulingGates"):
        name = gate.get("name", "")
        if name not in had:
            text = f"only deletion is allowed, but found new scheduling gate '{name}'"
            yield field.forbidden(f"{where}.name", text)


def _validate_placement(spec: JsonObject, before: JsonObject) -> Errors:
    """Allow a pod with scheduling gates to narrow its node selector and node affinity."""
    wanted, had = spec.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    for key, value in had.items():
        if wanted.get(key) != value:
            text = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            yield field.invalid("spec.nodeSelector", spec.get("nodeSelector"), text)
    path = f"spec.affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
    terms, terms_before = _list_node_terms(spec), _list_node_terms(before)
    if terms_before and len(terms) != len(terms_before):
        text = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        yield field.invalid(path, _read_node_terms(spec), text)
        return
    for index, (new, old) in enumerate(zip(terms, terms_before, strict=False)):
        if not _is_only_added(new, old):
            text = "only additions are allowed (no mutations or deletions)"
            yield field.invalid(f"{path}[{index}]", new, text)


def _list_node_terms(spec: JsonObject) -> list[JsonObject]:
    return list(_read_node_terms(spec) or ())


def _read_node_terms(spec: JsonObject) -> list[JsonObject] | None:
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(_REQUIRED) or {}
    node_selector_terms: list[JsonObject] | None = required.get("nodeSelectorTerms")
    return node_selector_terms


def _is_only_added(new: JsonObject, old: JsonObject) -> bool:
    kinds = ("matchExpressions", "matchFields")
    if not any(old.get(kind) for kind in kinds):
        return not any(new.get(kind) for kind in kinds)
    return all((new.get(kind) or [])[: len(old[kind])] == old[kind] for kind in kinds if old.get(kind))


def _undo_allowed_changes(spec: JsonObject, before: JsonObject) -> JsonObject:
    """Return the new spec with the old values of all fields that may change."""
    fixed = dict(spec)
    for kind in ("containers", "initContainers"):
        if fixed.get(kind):
            pairs = zip(fixed[kind], before[kind], strict=True)
            fixed[kind] = [new | {"image": old.get("image", "")} for new, old in pairs]
    for name in _CHANGING:
        resource_strategy.keep_field(fixed, before, name)
    seconds = before.get(_GRACE)
    if seconds is not None and seconds < 0 and fixed.get(_GRACE) == 1:
        fixed[_GRACE] = seconds
    if before.get("schedulingGates"):
        resource_strategy.keep_field(fixed, before, "nodeSelector")
        _keep_node_affinity(fixed, before)
    return fixed


def _keep_node_affinity(fixed: JsonObject, before: JsonObject) -> None:
    """Restore the old node affinity. An affinity that only holds it is added or removed with it."""
    affinity, had = fixed.get("affinity"), before.get("affinity")
    kept = (had or {}).get("nodeAffinity")
    if (affinity or {}).get("nodeAffinity") == kept:
        return
    if affinity is None:
        fixed["affinity"] = {"nodeAffinity": kept}
    elif had is None and not affinity.get("podAffinity") and not affinity.get("podAntiAffinity"):
        del fixed["affinity"]
    else:
        fixed["affinity"] = dict(affinity)
        resource_strategy.keep_field(fixed["affinity"], had or {}, "nodeAffinity")


def _drop_empty_fields(spec: JsonObject) -> JsonObject:
    return {name: value for name, value in spec.items() if value not in (None, [])}
