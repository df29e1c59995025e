"""What workloads of the apps group and replication controllers must look like.

Source: upstream pkg/apis/apps/validation/validation.go, pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import re
from typing import Any, Final

from kprov.kube.apiserver.registry.core.persistent_volume_claim import validation as claim_validation
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, not_negative
from kprov.kube.apiserver.registry.podspec import annotations as pod_annotations
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_ROLLING: Final = "RollingUpdate"


def deployment(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    spec = obj["spec"]
    yield from not_negative(spec, "spec", "replicas")
    yield from template_validation.selector(spec, "deployment")
    yield from _replicated(spec, _template(old))
    yield from _deployment_strategy(spec["strategy"])
    yield from not_negative(
        spec, "spec", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"
    )
    if spec["progressDeadlineSeconds"] <= (spec.get("minReadySeconds") or 0):
        path = "spec.progressDeadlineSeconds"
        yield field.invalid(path, spec["progressDeadlineSeconds"], "must be greater than minReadySeconds")


def _template(old: JsonObject | None) -> JsonObject | None:
    """The template that an update changes; None at creation."""
    found: JsonObject | None = (old or {}).get("spec", {}).get("template")
    return found


def _replicated(spec: JsonObject, old: JsonObject | None) -> Errors:
    """A template that a replica set makes pods of, `old` the one of before."""
    matching = template_validation.matches(spec)
    if matching is None:
        yield field.invalid("spec.selector", spec["selector"], "invalid label selector")
        return
    if not matching:
        yield template_validation.no_match(spec)
    yield from template_validation.template(spec["template"], "spec.template", old)
    yield from template_validation.runs_for_ever(spec["template"], "ReplicaSet", "spec.template")


def _deployment_strategy(strategy: JsonObject) -> Errors:
    path = "spec.strategy.rollingUpdate"
    rolling: JsonObject = strategy.get("rollingUpdate") or {}
    if strategy["type"] == "Recreate":
        if strategy.get("rollingUpdate") is not None:
            text = "may not be specified when strategy `type` is 'Recreate'"
            yield field.forbidden(path, text)
    elif strategy["type"] == _ROLLING:
        unavailable, surge = rolling["maxUnavailable"], rolling["maxSurge"]
        yield from count_or_percent(unavailable, f"{path}.maxUnavailable")
        yield from count_or_percent(surge, f"{path}.maxSurge")
        if _is_none(unavailable) and _is_none(surge):
            yield field.invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
        yield from checks.at_most_whole(unavailable, f"{path}.maxUnavailable")
    else:
        yield field.not_supported("spec.strategy", strategy, ["Recreate", _ROLLING])


def count_or_percent(value: Any, path: str) -> Errors:
    """ValidatePositiveIntOrPercent: a percentage in upstream's words, or a number that is not negative."""
    if isinstance(value, str):
        yield from checks.named(value, path, names.is_percent)
    elif value < 0:
        yield field.invalid(path, value, checks.NOT_NEGATIVE)


def _is_none(value: Any) -> bool:
    """Whether it is 0, as a number or as a percentage; what is neither counts as 0, too."""
    if isinstance(value, str):
        is_amount = re.fullmatch("[0-9]+%|[-+]?[0-9]+", value, re.ASCII)
        return not is_amount or not re.search("[1-9]", value)
    return bool(value == 0)


def replica_set(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    spec = obj["spec"]
    yield from not_negative(spec, "spec", "replicas", "minReadySeconds")
    # Upstream's text says deployment here, too.
    yield from template_validation.selector(spec, "deployment")
    yield from _replicated(spec, _template(old))


def replication_controller(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    spec = obj["spec"]
    yield from not_negative(spec, "spec", "minReadySeconds")
    wanted, labels = spec.get("selector") or {}, template_validation.labels(spec)
    if not wanted:
        yield field.required("spec.selector")
    yield from not_negative(spec, "spec", "replicas")
    if spec.get("template") is None:
        yield field.required("spec.template")
        return
    if any(labels.get(key) != value for key, value in wanted.items()):
        yield template_validation.no_match(spec)
    yield from template_validation.template(spec["template"], "spec.template", _template(old))
    yield from template_validation.runs_for_ever(spec["template"], "ReplicationController", "spec.template")


def daemon_set(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    """`old`: what an update changes; what its selector compares with may stay."""
    spec, path = obj["spec"], "spec.updateStrategy"
    any_values = checks.has_wrong_values(((old or {}).get("spec") or {}).get("selector"))
    yield from checks.label_selector(spec.get("selector"), "spec.selector", any_values=any_values)
    if template_validation.matches(spec) is False:
        yield template_validation.no_match(spec)
    given = spec.get("selector")
    if given is not None and not given.get("matchLabels") and not given.get("matchExpressions"):
        yield field.invalid("spec.selector", given, "empty selector is invalid for daemonset")
    yield from template_validation.template(spec["template"], "spec.template", _template(old))
    yield from template_validation.runs_for_ever(spec["template"], "DaemonSet", "spec.template")
    yield from not_negative(spec, "spec", "minReadySeconds")
    strategy: JsonObject = spec["updateStrategy"]
    if strategy["type"] == _ROLLING:
        yield from _rolling_daemon(strategy["rollingUpdate"], f"{path}.rollingUpdate")
    elif strategy["type"] != "OnDelete":
        yield field.not_supported(path, strategy, [_ROLLING, "OnDelete"])
    yield from not_negative(spec, "spec", "revisionHistoryLimit")


def _rolling_daemon(rolling: JsonObject, path: str) -> Errors:
    unavailable, surge = rolling["maxUnavailable"], rolling["maxSurge"]
    yield from count_or_percent(unavailable, f"{path}.maxUnavailable")
    yield from count_or_percent(surge, f"{path}.maxSurge")
    yield from checks.at_most_whole(unavailable, f"{path}.maxUnavailable")
    yield from checks.at_most_whole(surge, f"{path}.maxSurge")
    if not _is_none(unavailable) and not _is_none(surge):
        yield field.invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero")
    elif _is_none(unavailable) and _is_none(surge):
        yield field.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def immutable_selector(obj: JsonObject, old: JsonObject) -> Errors:
    if obj["spec"].get("selector") != old["spec"].get("selector"):
        yield field.invalid("spec.selector", obj["spec"].get("selector"), checks.IMMUTABLE)


def controller_revision(obj: JsonObject) -> Errors:
    if (obj.get("revision") or 0) < 0:
        yield field.invalid("revision", obj["revision"], checks.NOT_NEGATIVE)
    data = obj.get("data")
    if data is None:
        yield field.required("data", "data is mandatory")
    elif not isinstance(data, dict):
        yield field.required("data", "data must be a valid JSON object")


def controller_revision_update(obj: JsonObject, old: JsonObject) -> Errors:
    if (obj.get("revision") or 0) < 0:
        yield field.invalid("revision", obj["revision"], checks.NOT_NEGATIVE)
    if obj.get("data") != old.get("data"):
        yield field.invalid("data", obj.get("data"), checks.IMMUTABLE)


_POLICIES: Final = ["Retain", "Delete"]
_CHANGEABLE: Final = {
    *("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"),
    *("persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
}


def stateful_set(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    """`old`: what an update changes.

    Parts that cannot change are not looked at again, nor is the template of a set that was wrong before.
    """
    wrong = list(_stateful_set(obj["spec"], old))
    if wrong and old is not None and any(True for _ in _stateful_set(old["spec"], old)):
        wrong = list(_stateful_set(obj["spec"], old, looks_at_pods=False))
    yield from wrong


def _stateful_set(spec: JsonObject, old: JsonObject | None, *, looks_at_pods: bool = True) -> Errors:
    is_new = old is None
    policy = spec["podManagementPolicy"]
    if policy not in {"OrderedReady", "Parallel"}:
        yield field.invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
    yield from _stateful_strategy(spec["updateStrategy"], "spec.updateStrategy")
    for part, value in spec["persistentVolumeClaimRetentionPolicy"].items():
        yield from checks.one_of(value, f"spec.persistentVolumeClaimRetentionPolicy.{part}", _POLICIES)
    claims = spec.get("volumeClaimTemplates") if is_new else ()
    for where, claim in checks.each(claims, "spec.volumeClaimTemplates"):
        yield from claim_validation.claim_spec(claim["spec"], f"{where}.spec")
    yield from not_negative(spec, "spec", "replicas", "minReadySeconds")
    yield from not_negative(spec.get("ordinals") or {}, "spec.ordinals", "start")
    if is_new:
        yield from checks.given(spec, "spec", "serviceName", names.is_dns1123_label)
    yield from template_validation.selector(spec, "statefulset")
    matching = template_validation.matches(spec)
    if matching is None:
        yield field.invalid("spec.selector", spec["selector"], "")
    else:
        if not matching:
            yield template_validation.no_match(spec)
        if looks_at_pods:
            yield from template_validation.template(_with_claims(spec), "spec.template", _template(old))
        metadata = spec["template"].get("metadata") or {}
        yield from checks.labels(metadata.get("labels"), "spec.template.labels")
        annotations = "spec.template.annotations"
        yield from checks.annotation_map(metadata.get("annotations"), annotations)
        before = (_template(old) or {}).get("metadata")
        yield from pod_annotations.pod_annotations(metadata, spec["template"]["spec"], annotations, before)
    yield from template_validation.runs_for_ever(spec["template"], "StatefulSet", "spec.template")


def _stateful_strategy(strategy: JsonObject, path: str) -> Errors:
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "OnDelete":
        if rolling is not None:
            text = "only allowed for updateStrategy 'RollingUpdate'"
            yield field.invalid(f"{path}.rollingUpdate", rolling, text)
    elif strategy["type"] != _ROLLING:
        yield field.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")
    elif rolling is not None:
        yield from not_negative(rolling, f"{path}.rollingUpdate", "partition")
        unavailable, where = rolling.get("maxUnavailable"), f"{path}.rollingUpdate.maxUnavailable"
        if unavailable is not None:
            yield from count_or_percent(unavailable, where)
            if _is_none(unavailable):
                yield field.invalid(where, unavailable, "cannot be 0")
            yield from checks.at_most_whole(unavailable, where)


def _with_claims(spec: JsonObject) -> JsonObject:
    """The template as its pods will be: with a volume for each claim; their names are the set's."""
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


def stateful_set_update(obj: JsonObject, old: JsonObject) -> Errors:
    def fixed(each: JsonObject) -> JsonObject:
        return {name: value for name, value in each["spec"].items() if name not in _CHANGEABLE}

    if fixed(obj) != fixed(old):
        text = (
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
            "'minReadySeconds' are forbidden"
        )
        yield field.forbidden("spec", text)
