"""Field rules of stateful sets and of their status.

Source: upstream pkg/apis/apps/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.apps.replica_counts import (
    check_at_most_replicas,
    check_available_are_ready,
    check_collision_count,
)
from kprov.kube.apiserver.registry.apps.rolling_update import (
    ROLLING_UPDATE,
    check_count_or_percent,
    is_zero_amount,
)
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, check_not_negative
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import annotations as pod_annotations
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.apiserver.registry.podspec.volume_claim_spec import validate_claim_spec
from kprov.kube.apiserver.registry.podspec.workload_validation import find_old_template
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_POLICIES: Final = ["Retain", "Delete"]
_CHANGEABLE: Final = {
    *("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"),
    *("persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
}


def validate_stateful_set(obj: JsonObject, settings: ServerSettings, old: JsonObject | None = None) -> Errors:
    """Field rules of a stateful set. old: the object before an update, None at creation.

    An update does not check immutable fields. If the old set is invalid, it does not check the template.
    """
    wrong = list(_validate_spec(obj["spec"], settings, old))
    if wrong and old is not None and any(True for _ in _validate_spec(old["spec"], settings, old)):
        wrong = list(_validate_spec(obj["spec"], settings, old, looks_at_pods=False))
    yield from wrong


def _validate_spec(
    spec: JsonObject, settings: ServerSettings, old: JsonObject | None, *, looks_at_pods: bool = True
) -> Errors:
    is_new = old is None
    policy = spec["podManagementPolicy"]
    if policy not in {"OrderedReady", "Parallel"}:
        yield field.invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
    yield from _validate_update_strategy(spec["updateStrategy"], "spec.updateStrategy")
    for part, value in spec["persistentVolumeClaimRetentionPolicy"].items():
        yield from checks.check_enum(value, f"spec.persistentVolumeClaimRetentionPolicy.{part}", _POLICIES)
    claims = spec.get("volumeClaimTemplates") if is_new else ()
    for where, claim in checks.enumerate_items(claims, "spec.volumeClaimTemplates"):
        yield from validate_claim_spec(claim["spec"], f"{where}.spec")
    yield from check_not_negative(spec, "spec", "replicas", "minReadySeconds")
    yield from check_not_negative(spec.get("ordinals") or {}, "spec.ordinals", "start")
    if is_new:
        yield from checks.check_optional_field(spec, "spec", "serviceName", names.is_dns1123_label)
    yield from template_validation.validate_selector(spec, "statefulset")
    matching = template_validation.is_selector_matching(spec)
    if matching is None:
        yield field.invalid("spec.selector", spec["selector"], "")
    else:
        if not matching:
            yield template_validation.make_mismatch_error(spec)
        if looks_at_pods:
            yield from template_validation.validate_template(
                _add_claim_volumes(spec), "spec.template", settings, find_old_template(old)
            )
        metadata = spec["template"].get("metadata") or {}
        yield from checks.check_labels(metadata.get("labels"), "spec.template.labels")
        annotations = "spec.template.annotations"
        yield from checks.check_annotations(metadata.get("annotations"), annotations)
        before = (find_old_template(old) or {}).get("metadata")
        yield from pod_annotations.validate_pod_annotations(
            metadata, spec["template"]["spec"], annotations, before
        )
    yield from template_validation.validate_restart_always(spec["template"], "StatefulSet", "spec.template")


def _validate_update_strategy(strategy: JsonObject, path: str) -> Errors:
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "OnDelete":
        if rolling is not None:
            text = "only allowed for updateStrategy 'RollingUpdate'"
            yield field.invalid(f"{path}.rollingUpdate", rolling, text)
    elif strategy["type"] != ROLLING_UPDATE:
        yield field.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")
    elif rolling is not None:
        yield from check_not_negative(rolling, f"{path}.rollingUpdate", "partition")
        unavailable, where = rolling.get("maxUnavailable"), f"{path}.rollingUpdate.maxUnavailable"
        if unavailable is not None:
            yield from check_count_or_percent(unavailable, where)
            if is_zero_amount(unavailable):
                yield field.invalid(where, unavailable, "cannot be 0")
            yield from checks.check_at_most_100_percent(unavailable, where)


def _add_claim_volumes(spec: JsonObject) -> JsonObject:
    """Return the template with a volume for each volume claim template, as the pods will have it."""
    claims = [
        (claim.get("metadata") or {}).get("name", "") for claim in spec.get("volumeClaimTemplates") or ()
    ]
    pods = dict(spec["template"]["spec"])
    pods.pop("subdomain", None)
    pods.pop("hostname", None)
    own = [volume for volume in pods.get("volumes") or () if volume.get("name", "") not in claims]
    made = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in dict.fromkeys(claims)]
    whole: JsonObject = spec["template"] | {"spec": pods | {"volumes": made + own}}
    return whole


def validate_stateful_set_update(obj: JsonObject, old: JsonObject) -> Errors:
    def list_fixed_fields(stateful_set: JsonObject) -> JsonObject:
        return {name: value for name, value in stateful_set["spec"].items() if name not in _CHANGEABLE}

    if list_fixed_fields(obj) != list_fixed_fields(old):
        text = (
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
            "'minReadySeconds' are forbidden"
        )
        yield field.forbidden("spec", text)


def validate_stateful_set_status(obj: JsonObject, old: JsonObject) -> Errors:
    status = obj.get("status") or {}
    counts = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    yield from check_not_negative(
        status, "status", "replicas", *counts, "observedGeneration", "collisionCount"
    )
    yield from check_at_most_replicas(status, *counts)
    yield from check_available_are_ready(status, "status.readyReplicas")
    yield from check_collision_count(status, old)
