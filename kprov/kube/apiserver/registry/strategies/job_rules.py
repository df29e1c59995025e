"""Jobs and cron jobs.

Source: upstream pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

import re
from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each, not_negative
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.apiserver.registry.strategies import schedules
from kprov.kube.machinery import field, names, status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import LabelSelector, SelectorError

_INDEXED_MAX: Final = 100_000
_MANY: Final = 100_000
_PARALLEL_OF_MANY: Final = 10_000
_ACTIONS: Final = ["Count", "FailIndex", "FailJob", "Ignore"]
_PREFIX: Final = "batch.kubernetes.io/"


def job(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    """A new job's rules, which one that changes (`old`) has, too."""
    spec = obj["spec"]
    if not spec.get("manualSelector") and spec.get("selector") is not None:
        had = template_validation.labels(old["spec"]) if old else None
        prefixed = had is None or {f"{_PREFIX}job-name", f"{_PREFIX}controller-uid"} <= had.keys()
        yield from _generated(obj, prefixed=prefixed)
    yield from own_job_spec(spec, old["spec"] if old else None)
    completions = spec.get("completions") or 0
    if spec.get("completionMode") == "Indexed" and completions > 0:
        host = f"{obj['metadata'].get('name', '')}-{completions - 1}"
        if names.is_dns1123_label(host):
            text = f"will not able to create pod with invalid DNS label: {host}"
            yield field.invalid("metadata.name", obj["metadata"].get("name", ""), text)


def _generated(obj: JsonObject, *, prefixed: bool) -> Errors:
    """Labels that the server made for the job's pods; `prefixed`: those of newer servers as well."""
    labels, uid = template_validation.labels(obj["spec"]), obj["metadata"].get("uid", "")
    wanted = {"controller-uid": uid, "job-name": obj["metadata"].get("name", "")}
    if prefixed:
        wanted |= {f"{_PREFIX}{key}": value for key, value in wanted.items()}
    for key, value in wanted.items():
        path = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            yield field.required(path, f"must be '{value}'")
        elif labels[key] != value:
            yield field.invalid(path, labels, f"must be '{value}'")
    try:
        matching = LabelSelector.from_object(obj["spec"]["selector"]).matches(wanted)
    except SelectorError:
        return
    if not matching:
        yield field.invalid("spec.selector", obj["spec"]["selector"], "`selector` not auto-generated")


def own_job_spec(spec: JsonObject, old: JsonObject | None = None) -> Errors:
    """Of a job; a cron job's template has no selector. `old`: the spec that an update changes."""
    any_values = checks.has_wrong_values((old or {}).get("selector"))
    yield from job_spec(spec, "spec", old)
    if spec.get("selector") is None:
        yield field.required("spec.selector")
    else:
        yield from checks.label_selector(spec["selector"], "spec.selector", any_values=any_values)
    if template_validation.matches(spec) is False:
        yield template_validation.no_match(spec)


def job_spec(spec: JsonObject, path: str, old: JsonObject | None = None) -> Errors:
    """`old`: the spec that an update changes."""
    yield from not_negative(
        spec,
        path,
        *("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"),
        *("backoffLimitPerIndex", "maxFailedIndexes"),
    )
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        yield field.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if spec.get("managedBy") is not None:
        yield from domain_path(spec["managedBy"], f"{path}.managedBy")
        if len(spec["managedBy"].encode()) > 63:
            yield field.too_long(f"{path}.managedBy", 63)
    yield from _mode(spec, path)
    if spec.get("podFailurePolicy") is not None:
        yield from _failure_policy(spec, f"{path}.podFailurePolicy.rules")
    if spec.get("successPolicy") is not None:
        where = f"{path}.successPolicy"
        if spec.get("completionMode") != "Indexed":
            yield field.invalid(where, spec["successPolicy"], "requires indexed completion mode")
        else:
            yield from _success_policy(spec, f"{where}.rules")
    supported = ["Failed"] if spec.get("podFailurePolicy") is not None else ["Failed", "TerminatingOrFailed"]
    yield from checks.one_of(spec.get("podReplacementPolicy"), f"{path}.podReplacementPolicy", supported)
    yield from template_validation.template(spec["template"], f"{path}.template", (old or {}).get("template"))
    yield from _restart_policy(spec, f"{path}.template.spec.restartPolicy")


def domain_path(value: str, path: str) -> Errors:
    """A domain, a slash and a path."""
    if not value:
        yield field.required(path)
        return
    domain, slash, rest = value.partition("/")
    if not slash or not domain or not rest:
        text = 'must be a domain-prefixed path (such as "acme.io/foo")'
        yield field.invalid(path, value, text)
        return
    for text in names.is_dns1123_subdomain(domain):
        yield field.invalid(path, domain, text)
    if not re.fullmatch(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", rest):
        problem = names.regex_error("Invalid path", r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
        yield field.invalid(path, rest, problem)


def _restart_policy(spec: JsonObject, path: str) -> Errors:
    policy = spec["template"]["spec"]["restartPolicy"]
    if policy == "Always":
        yield field.required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in {"OnFailure", "Never"}:
        yield field.not_supported(path, policy, ["OnFailure", "Never"])
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        yield field.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _mode(spec: JsonObject, path: str) -> Errors:
    mode, completions = spec.get("completionMode"), spec.get("completions")
    failed, parallelism = spec.get("maxFailedIndexes"), spec.get("parallelism") or 0
    yield from checks.one_of(mode, f"{path}.completionMode", ["NonIndexed", "Indexed"])
    if mode == "NonIndexed" or mode is None:
        for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(name) is not None:
                yield field.invalid(f"{path}.{name}", spec[name], "requires indexed completion mode")
    if mode != "Indexed":
        return
    if completions is None:
        yield field.required(f"{path}.completions", "when completion mode is Indexed")
    if parallelism > _INDEXED_MAX:
        text = f"must be less than or equal to {_INDEXED_MAX} when completion mode is Indexed"
        yield field.invalid(f"{path}.parallelism", parallelism, text)
    if completions is not None and failed is not None and failed > completions:
        text = "must be less than or equal to completions"
        yield field.invalid(f"{path}.maxFailedIndexes", failed, text)
    if failed is not None and failed > _INDEXED_MAX:
        text = f"must be less than or equal to {_INDEXED_MAX}"
        yield field.invalid(f"{path}.maxFailedIndexes", failed, text)
    if (completions or 0) > _MANY and spec.get("backoffLimitPerIndex") is not None:
        if failed is None:
            text = f"must be specified when completions is above {_MANY}"
            yield field.required(f"{path}.maxFailedIndexes", text)
        limits = (("parallelism", parallelism), ("maxFailedIndexes", failed or 0))
        for name, value in limits:
            if value > _PARALLEL_OF_MANY:
                text = (
                    f"must be less than or equal to {_PARALLEL_OF_MANY} when completions are above {_MANY} "
                    "and used with backoff limit per index"
                )
                yield field.invalid(f"{path}.{name}", value, text)


def _quoted(words: list[str]) -> str:
    return "[" + " ".join(status.quoted(word) for word in words) + "]"


def _failure_policy(spec: JsonObject, path: str) -> Errors:
    rules = spec["podFailurePolicy"].get("rules") or ()
    pods = spec["template"]["spec"]
    known = {
        item.get("name", "") for kind in ("containers", "initContainers") for item in pods.get(kind) or ()
    }
    if len(rules) > 20:
        yield field.too_many(path, len(rules), 20)
    for where, rule in each(rules, path):
        action, codes = rule.get("action", ""), rule.get("onExitCodes")
        conditions = rule.get("onPodConditions") or ()
        if not action:
            yield field.required(f"{where}.action", f"valid values: {_quoted(_ACTIONS)}")
        elif action == "FailIndex":
            if spec.get("backoffLimitPerIndex") is None:
                yield field.invalid(f"{where}.action", action, "requires the backoffLimitPerIndex to be set")
        else:
            yield from checks.one_of(action, f"{where}.action", _ACTIONS)
        if codes is not None:
            yield from _exit_codes(codes, known, f"{where}.onExitCodes")
        if len(conditions) > 20:
            yield field.too_many(f"{where}.onPodConditions", len(conditions), 20)
        for place, condition in each(conditions, f"{where}.onPodConditions"):
            yield from checks.named(condition.get("type", ""), f"{place}.type", names.is_qualified_name)
            yield from checks.one_of(condition.get("status"), f"{place}.status", ["False", "True", "Unknown"])
        if codes is not None and conditions:
            text = "specifying both OnExitCodes and OnPodConditions is not supported"
            yield field.invalid(where, field.OMITTED, text)
        if codes is None and not conditions:
            text = "specifying one of OnExitCodes and OnPodConditions is required"
            yield field.invalid(where, field.OMITTED, text)


def _exit_codes(codes: JsonObject, known: set[str], path: str) -> Errors:
    operator, values = codes.get("operator", ""), codes.get("values") or []
    if not operator:
        yield field.required(f"{path}.operator", f"valid values: {_quoted(['In', 'NotIn'])}")
    else:
        yield from checks.one_of(operator, f"{path}.operator", ["In", "NotIn"])
    name = codes.get("containerName")
    if name is not None and name not in known:
        text = "must be one of the container or initContainer names in the pod template"
        yield field.invalid(f"{path}.containerName", name, text)
    if not values:
        yield field.invalid(f"{path}.values", codes.get("values"), "at least one value is required")
    elif len(values) > 255:
        yield field.too_many(f"{path}.values", len(values), 255)
    for index, (where, value) in enumerate(each(values, f"{path}.values")):
        if operator == "In" and value == 0:
            yield field.invalid(where, value, "must not be 0 for the In operator")
        if value in values[:index]:
            yield field.duplicate(where, value)
    if values != sorted(values):
        yield field.invalid(f"{path}.values", values, "must be ordered")


def _success_policy(spec: JsonObject, path: str) -> Errors:
    rules, completions = spec["successPolicy"].get("rules") or (), spec.get("completions") or 0
    if not rules:
        text = "at least one rules must be specified when the successPolicy is specified"
        yield field.required(path, text)
    if len(rules) > 20:
        yield field.too_many(path, len(rules), 20)
    for where, rule in each(rules, path):
        count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
        if count is None and indexes is None:
            text = "at least one of succeededCount or succeededIndexes must be specified"
            yield field.required(where, text)
        total = 0
        if indexes is not None:
            if len(indexes) > 65536:
                yield field.too_long(f"{where}.succeededIndexes", 65536)
            total, problem = schedules.indexes(indexes, completions)
            if problem:
                text = f"error parsing succeededIndexes: {problem}"
                yield field.invalid(f"{where}.succeededIndexes", indexes, text)
        if count is None:
            continue
        yield from not_negative(rule, where, "succeededCount")
        if count > completions:
            text = f"must be less than or equal to {completions} (the number of specified completions)"
            yield field.invalid(f"{where}.succeededCount", count, text)
        if indexes is not None and count > total:
            text = (
                f"must be less than or equal to {total} (the number of indexes in the specified "
                "succeededIndexes field)"
            )
            yield field.invalid(f"{where}.succeededCount", count, text)


def job_update(obj: JsonObject, old: JsonObject) -> Errors:
    spec, before = obj["spec"], old["spec"]
    yield from own_job_spec(spec, old["spec"])
    if spec.get("completions") != before.get("completions"):
        wanted = spec.get("completions")
        if spec.get("completionMode") != "Indexed":
            yield field.invalid("spec.completions", wanted, checks.IMMUTABLE)
        elif wanted is not None and wanted != spec.get("parallelism"):
            text = "can only be modified in tandem with spec.parallelism"
            yield field.invalid("spec.completions", wanted, text)
    yield from checks.immutable(spec, before, "spec", "selector")
    if not _may_be_placed_anew(old):
        yield from checks.immutable(spec, before, "spec", "template")
    elif _unplaced(spec["template"]["spec"]) != _unplaced(before["template"]["spec"]):
        yield field.invalid("spec.template.spec", spec["template"]["spec"], checks.IMMUTABLE)
    parts = ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
    yield from checks.immutable(spec, before, "spec", *parts)


#: Of a pod's spec: where it goes.
_DIRECTIVES: Final = ("nodeSelector", "tolerations", "schedulingGates")


def _may_be_placed_anew(job: JsonObject) -> bool:
    """Where the pods of a suspended job go and what they need may change while it has none."""
    found = job.get("status") or {}
    suspended = any(
        each.get("type") == "Suspended" and each.get("status") == "True"
        for each in found.get("conditions") or ()
    )
    waiting = suspended or not found.get("startTime")
    return bool(job["spec"].get("suspend") and waiting and not found.get("active"))


def _unplaced(spec: JsonObject) -> JsonObject:
    """What of a pod's spec may not change even then."""
    pods = {name: value for name, value in spec.items() if name not in _DIRECTIVES}
    affinity = {
        name: value for name, value in (pods.pop("affinity", None) or {}).items() if name != "nodeAffinity"
    }
    for kind in ("containers", "initContainers"):
        if pods.get(kind):
            pods[kind] = [{**each, "resources": None} for each in pods[kind]]
    return pods | ({"affinity": affinity} if affinity else {})


def cron_job(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    spec = obj["spec"]
    name = obj["metadata"].get("name", "")
    if old is None and len(name) > 52:
        yield field.invalid("metadata.name", name, "must be no more than 52 characters")
    schedule, zone = spec.get("schedule", ""), spec.get("timeZone")
    if not schedule:
        yield field.required("spec.schedule")
    else:
        had = "TZ" in (old or {"spec": {}})["spec"].get("schedule", "")
        yield from _schedule(schedule, zone, had=had)
    yield from not_negative(spec, "spec", "startingDeadlineSeconds")
    if zone is not None and (old is None or old["spec"].get("timeZone") != zone):
        yield from schedules.time_zone(zone, "spec.timeZone")
    supported = ["Allow", "Forbid", "Replace"]
    yield from checks.one_of(spec["concurrencyPolicy"], "spec.concurrencyPolicy", supported)
    template = spec["jobTemplate"]["spec"]
    before = old["spec"]["jobTemplate"]["spec"] if old else None
    yield from job_spec(template, "spec.jobTemplate.spec", before)
    if template.get("selector") is not None:
        path = "spec.jobTemplate.spec.selector"
        yield field.invalid(path, template["selector"], "`selector` will be auto-generated")
    if template.get("manualSelector"):
        yield field.not_supported("spec.jobTemplate.spec.manualSelector", True, ["nil", "false"])
    yield from not_negative(spec, "spec", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")


def _schedule(schedule: str, zone: str | None, *, had: bool) -> Errors:
    path = "spec.schedule"
    problem = schedules.cron(schedule)
    if problem:
        yield field.invalid(path, schedule, problem)
    if "TZ" not in schedule:
        return
    if not had:
        text = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield field.invalid(path, schedule, text)
    elif zone is not None:
        text = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        yield field.invalid(path, schedule, text)
