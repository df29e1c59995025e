"""What workloads must look like: selectors, templates, update strategies.

Source: upstream pkg/apis/apps/validation/validation.go, pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.apiserver.registry.strategies import checks, pod_rules
from kprov.kube.apiserver.registry.strategies.group_rules import immutable, int_or_percent
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.selectors import LabelSelector, SelectorError

Object = dict[str, Any]

_NO_MATCH: Final = "`selector` does not match template `labels`"
_STATEFUL_CHANGEABLE: Final = {
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "ordinals",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
}
_INDEXED_PARALLELISM_MAX: Final = 100_000


def not_negative(owner: Object, path: str, *fields: str) -> list[FieldError]:
    return [
        field.invalid(f"{path}.{name}", owner[name], "must be greater than or equal to 0")
        for name in fields
        if (owner.get(name) or 0) < 0
    ]


def selector(spec: Object, kind: str) -> list[FieldError]:
    """spec.selector of the apps group: there, not empty, and matching the template."""
    given = spec.get("selector")
    template_labels = spec["template"]["metadata"].get("labels") or {}
    if given is None:
        return [field.required("spec.selector")]
    if not given.get("matchLabels") and not given.get("matchExpressions"):
        text = f"empty selector is invalid for {kind}"
        return [field.invalid("spec.selector", given, text)]
    try:
        parsed = LabelSelector.from_object(given)
    except SelectorError as error:
        return [field.invalid("spec.selector", given, str(error))]
    if not parsed.matches(template_labels):
        return [field.invalid("spec.template.metadata.labels", template_labels, _NO_MATCH)]
    return []


def template(spec: Object, kind: str, path: str = "spec.template") -> list[FieldError]:
    """A template of pods that run for ever."""
    pods = spec["template"]["spec"]
    errors = list(checks.labels(spec["template"]["metadata"].get("labels"), f"{path}.labels"))
    errors += pod_rules.pod_spec(pods, f"{path}.spec")
    if pods["restartPolicy"] != "Always":
        errors.append(field.not_supported(f"{path}.spec.restartPolicy", pods["restartPolicy"], ["Always"]))
    if pods.get("activeDeadlineSeconds") is not None:
        text = f"activeDeadlineSeconds in {kind} is not Supported"
        errors.append(field.forbidden(f"{path}.spec.activeDeadlineSeconds", text))
    return errors


def immutable_selector(obj: Object, old: Object) -> list[FieldError]:
    wanted, had = obj["spec"].get("selector"), old["spec"].get("selector")
    return [] if wanted == had else [immutable("spec.selector", wanted)]


def deployment(obj: Object) -> list[FieldError]:
    spec = obj["spec"]
    errors = not_negative(spec, "spec", "replicas")
    errors += selector(spec, "deployment") + template(spec, "ReplicaSet")
    strategy = spec["strategy"]
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate":
        if rolling is not None:
            text = "may not be specified when strategy `type` is 'Recreate'"
            errors.append(field.forbidden("spec.strategy.rollingUpdate", text))
    elif strategy["type"] == "RollingUpdate":
        errors += _rolling(rolling, "spec.strategy.rollingUpdate")
    else:
        errors.append(field.not_supported("spec.strategy", strategy, ["Recreate", "RollingUpdate"]))
    errors += not_negative(spec, "spec", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    if spec["progressDeadlineSeconds"] <= (spec.get("minReadySeconds") or 0):
        seconds = spec["progressDeadlineSeconds"]
        text = "must be greater than minReadySeconds"
        errors.append(field.invalid("spec.progressDeadlineSeconds", seconds, text))
    return errors


def _rolling(rolling: Object, path: str) -> list[FieldError]:
    unavailable, surge = rolling["maxUnavailable"], rolling["maxSurge"]
    errors = int_or_percent(f"{path}.maxUnavailable", unavailable)
    if not (isinstance(surge, str) and surge.removesuffix("%").isdecimal() and surge.endswith("%")):
        errors += int_or_percent(f"{path}.maxSurge", surge)
    if _is_zero(unavailable) and _is_zero(surge):
        text = "may not be 0 when `maxSurge` is 0"
        errors.append(field.invalid(f"{path}.maxUnavailable", unavailable, text))
    return errors


def _is_zero(value: Any) -> bool:
    return value == 0 or (isinstance(value, str) and value.removesuffix("%").strip("0") == "")


def replica_set(obj: Object) -> list[FieldError]:
    spec = obj["spec"]
    errors = not_negative(spec, "spec", "replicas", "minReadySeconds")
    # Upstream's text says deployment here, too.
    return errors + selector(spec, "deployment") + template(spec, "ReplicaSet")


def replication_controller(obj: Object) -> list[FieldError]:
    spec = obj["spec"]
    errors = not_negative(spec, "spec", "replicas", "minReadySeconds")
    wanted = spec.get("selector") or {}
    labels = spec["template"]["metadata"].get("labels") or {}
    if not wanted:
        errors.append(field.required("spec.selector"))
    elif any(labels.get(key) != value for key, value in wanted.items()):
        errors.append(field.invalid("spec.template.metadata.labels", labels, _NO_MATCH))
    return errors + template(spec, "ReplicationController")


def daemon_set(obj: Object) -> list[FieldError]:
    spec = obj["spec"]
    errors = selector(spec, "daemonset") + template(spec, "DaemonSet")
    errors += not_negative(spec, "spec", "minReadySeconds", "revisionHistoryLimit")
    strategy = spec["updateStrategy"]
    if strategy["type"] == "RollingUpdate":
        rolling, path = strategy["rollingUpdate"], "spec.updateStrategy.rollingUpdate"
        unavailable, surge = _is_zero(rolling["maxUnavailable"]), _is_zero(rolling["maxSurge"])
        errors += int_or_percent(f"{path}.maxUnavailable", rolling["maxUnavailable"])
        errors += int_or_percent(f"{path}.maxSurge", rolling["maxSurge"])
        if unavailable and surge:
            text = "cannot be 0 when maxSurge is 0"
            errors.append(field.invalid(f"{path}.maxUnavailable", rolling["maxUnavailable"], text))
        elif not unavailable and not surge:
            text = "may not be set when maxUnavailable is non-zero"
            errors.append(field.invalid(f"{path}.maxSurge", rolling["maxSurge"], text))
    elif strategy["type"] != "OnDelete":
        supported = ["RollingUpdate", "OnDelete"]
        errors.append(field.not_supported("spec.updateStrategy.type", strategy["type"], supported))
    return errors


def stateful_set(obj: Object) -> list[FieldError]:
    spec = obj["spec"]
    errors: list[FieldError] = []
    if spec["podManagementPolicy"] not in {"OrderedReady", "Parallel"}:
        text = "must be 'OrderedReady' or 'Parallel'"
        errors.append(field.invalid("spec.podManagementPolicy", spec["podManagementPolicy"], text))
    strategy = spec["updateStrategy"]
    if strategy["type"] == "OnDelete" and strategy.get("rollingUpdate") is not None:
        text = "only allowed for updateStrategy 'RollingUpdate'"
        path = "spec.updateStrategy.rollingUpdate"
        errors.append(field.invalid(path, strategy["rollingUpdate"], text))
    elif strategy["type"] == "RollingUpdate":
        errors += not_negative(
            strategy.get("rollingUpdate") or {}, "spec.updateStrategy.rollingUpdate", "partition"
        )
    elif strategy["type"] != "OnDelete":
        text = "must be 'RollingUpdate' or 'OnDelete'"
        errors.append(field.invalid("spec.updateStrategy", strategy, text))
    errors += not_negative(spec, "spec", "replicas", "minReadySeconds")
    name = spec.get("serviceName", "")
    if name:
        errors += [field.invalid("spec.serviceName", name, text) for text in names.is_dns1123_label(name)]
    return errors + selector(spec, "statefulset") + template(spec, "StatefulSet")


def stateful_set_update(obj: Object, old: Object) -> list[FieldError]:
    def fixed(each: Object) -> Object:
        return {name: value for name, value in each["spec"].items() if name not in _STATEFUL_CHANGEABLE}

    if fixed(obj) == fixed(old):
        return []
    text = (
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
        "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
        "'minReadySeconds' are forbidden"
    )
    return [field.forbidden("spec", text)]


def job_spec(spec: Object, path: str = "spec") -> list[FieldError]:
    errors = not_negative(
        spec,
        path,
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    )
    mode = spec.get("completionMode") or "NonIndexed"
    if mode not in {"NonIndexed", "Indexed"}:
        errors.append(field.not_supported(f"{path}.completionMode", mode, ["Indexed", "NonIndexed"]))
    if mode == "Indexed":
        if spec.get("completions") is None:
            errors.append(field.required(f"{path}.completions", "when completion mode is Indexed"))
        if (spec.get("parallelism") or 0) > _INDEXED_PARALLELISM_MAX:
            text = f"must be less than or equal to {_INDEXED_PARALLELISM_MAX} when completion mode is Indexed"
            errors.append(field.invalid(f"{path}.parallelism", spec["parallelism"], text))
    else:
        errors += [
            field.invalid(f"{path}.{name}", spec[name], "requires indexed completion mode")
            for name in ("backoffLimitPerIndex", "maxFailedIndexes")
            if spec.get(name) is not None
        ]
    pods = spec["template"]["spec"]
    errors += pod_rules.pod_spec(pods, f"{path}.template.spec")
    where = f"{path}.template.spec.restartPolicy"
    if pods["restartPolicy"] == "Always":
        errors.append(field.required(where, 'valid values: "OnFailure", "Never"'))
    elif spec.get("podFailurePolicy") and pods["restartPolicy"] != "Never":
        text = 'only "Never" is supported when podFailurePolicy is specified'
        errors.append(field.invalid(where, pods["restartPolicy"], text))
    return errors


def job(obj: Object) -> list[FieldError]:
    spec = obj["spec"]
    errors = job_spec(spec)
    if spec.get("selector") is None:
        return [*errors, field.required("spec.selector")]
    labels = spec["template"]["metadata"].get("labels") or {}
    try:
        matching = LabelSelector.from_object(spec["selector"]).matches(labels)
    except SelectorError as error:
        return [*errors, field.invalid("spec.selector", spec["selector"], str(error))]
    if not matching:
        errors.append(field.invalid("spec.template.metadata.labels", labels, _NO_MATCH))
    return errors


def job_update(obj: Object, old: Object) -> list[FieldError]:
    spec, before = obj["spec"], old["spec"]
    errors = [
        immutable(f"spec.{name}", spec.get(name))
        for name in (
            "selector",
            "completionMode",
            "podFailurePolicy",
            "backoffLimitPerIndex",
            "successPolicy",
        )
        if spec.get(name) != before.get(name)
    ]
    if spec.get("completions") != before.get("completions"):
        elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get(
            "parallelism"
        )
        if not elastic:
            errors.append(immutable("spec.completions", spec.get("completions")))
    # Where the pods of a suspended job go may change until it starts.
    waiting = before.get("suspend") and not (old.get("status") or {}).get("startTime")
    if not waiting and spec["template"] != before["template"]:
        errors.append(immutable("spec.template", spec["template"]))
    return errors


def cron_job(obj: Object, old: Object | None = None) -> list[FieldError]:
    spec = obj["spec"]
    errors: list[FieldError] = []
    schedule = spec.get("schedule", "")
    if not schedule:
        errors.append(field.required("spec.schedule"))
    elif "TZ" in schedule and (old is None or "TZ" not in old["spec"].get("schedule", "")):
        text = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        errors.append(field.invalid("spec.schedule", schedule, text))
    elif not schedule.startswith("@") and len(schedule.split()) != 5:
        text = f"expected exactly 5 fields, found {len(schedule.split())}: [{schedule}]"
        errors.append(field.invalid("spec.schedule", schedule, text))
    if spec["concurrencyPolicy"] not in {"Allow", "Forbid", "Replace"}:
        supported = ["Allow", "Forbid", "Replace"]
        errors.append(field.not_supported("spec.concurrencyPolicy", spec["concurrencyPolicy"], supported))
    limits = ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    errors += not_negative(spec, "spec", *limits)
    return errors + job_spec(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")
