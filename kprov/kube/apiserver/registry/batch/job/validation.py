"""Field rules of new jobs, and of the job template of cron jobs.

Source: upstream pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.batch.job.pod_failure_policy import validate_pod_failure_policy
from kprov.kube.apiserver.registry.batch.job.success_policy import validate_success_policy
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, check_domain_path, check_not_negative
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import LabelSelector, SelectorError

_INDEXED_MAX: Final = 100_000
_COMPLETIONS_LIMIT: Final = 100_000
_PER_INDEX_LIMIT: Final = 10_000
_PREFIX: Final = "batch.kubernetes.io/"


def validate_job(obj: JsonObject, settings: ServerSettings, old: JsonObject | None = None) -> Errors:
    """Field rules of a job. old: the job before an update, None at creation."""
    spec = obj["spec"]
    if not spec.get("manualSelector") and spec.get("selector") is not None:
        had = template_validation.read_template_labels(old["spec"]) if old else None
        prefixed = had is None or {f"{_PREFIX}job-name", f"{_PREFIX}controller-uid"} <= had.keys()
        yield from _validate_generated_labels(obj, prefixed=prefixed)
    yield from validate_spec_and_selector(spec, settings, old["spec"] if old else None)
    completions = spec.get("completions") or 0
    if spec.get("completionMode") == "Indexed" and completions > 0:
        host = f"{obj['metadata'].get('name', '')}-{completions - 1}"
        if names.is_dns1123_label(host):
            text = f"will not able to create pod with invalid DNS label: {host}"
            yield field.invalid("metadata.name", obj["metadata"].get("name", ""), text)


def _validate_generated_labels(obj: JsonObject, *, prefixed: bool) -> Errors:
    """Check the generated labels of the pods. prefixed: also those with the prefix batch.kubernetes.io/."""
    labels, uid = template_validation.read_template_labels(obj["spec"]), obj["metadata"].get("uid", "")
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


def validate_spec_and_selector(
    spec: JsonObject, settings: ServerSettings, old: JsonObject | None = None
) -> Errors:
    """Field rules of a job's spec with its selector. old: the spec before an update."""
    any_values = checks.has_invalid_selector_values((old or {}).get("selector"))
    yield from validate_job_spec(spec, "spec", settings, old)
    if spec.get("selector") is None:
        yield field.required("spec.selector")
    else:
        yield from checks.check_label_selector(spec["selector"], "spec.selector", any_values=any_values)
    if template_validation.is_selector_matching(spec) is False:
        yield template_validation.make_mismatch_error(spec)


def validate_job_spec(
    spec: JsonObject, path: str, settings: ServerSettings, old: JsonObject | None = None
) -> Errors:
    """`old`: the spec that an update changes."""
    yield from check_not_negative(
        spec,
        path,
        *("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"),
        *("backoffLimitPerIndex", "maxFailedIndexes"),
    )
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        yield field.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if spec.get("managedBy") is not None:
        yield from check_domain_path(spec["managedBy"], f"{path}.managedBy")
        if len(spec["managedBy"].encode()) > 63:
            yield field.too_long(f"{path}.managedBy", 63)
    yield from _validate_completion_mode(spec, path)
    if spec.get("podFailurePolicy") is not None:
        yield from validate_pod_failure_policy(spec, f"{path}.podFailurePolicy.rules")
    if spec.get("successPolicy") is not None:
        where = f"{path}.successPolicy"
        if spec.get("completionMode") != "Indexed":
            yield field.invalid(where, spec["successPolicy"], "requires indexed completion mode")
        else:
            yield from validate_success_policy(spec, f"{where}.rules")
    supported = ["Failed"] if spec.get("podFailurePolicy") is not None else ["Failed", "TerminatingOrFailed"]
    yield from checks.check_enum(spec.get("podReplacementPolicy"), f"{path}.podReplacementPolicy", supported)
    yield from template_validation.validate_template(
        spec["template"], f"{path}.template", settings, (old or {}).get("template")
    )
    yield from _validate_restart_policy(spec, f"{path}.template.spec.restartPolicy")


def _validate_restart_policy(spec: JsonObject, path: str) -> Errors:
    policy = spec["template"]["spec"]["restartPolicy"]
    if policy == "Always":
        yield field.required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in {"OnFailure", "Never"}:
        yield field.not_supported(path, policy, ["OnFailure", "Never"])
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        yield field.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _validate_completion_mode(spec: JsonObject, path: str) -> Errors:
    mode, completions = spec.get("completionMode"), spec.get("completions")
    failed, parallelism = spec.get("maxFailedIndexes"), spec.get("parallelism") or 0
    yield from checks.check_enum(mode, f"{path}.completionMode", ["NonIndexed", "Indexed"])
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
    yield from _validate_many_completions(spec, path)


def _validate_many_completions(spec: JsonObject, path: str) -> Errors:
    completions, failed = spec.get("completions"), spec.get("maxFailedIndexes")
    parallelism = spec.get("parallelism") or 0
    if (completions or 0) > _COMPLETIONS_LIMIT and spec.get("backoffLimitPerIndex") is not None:
        if failed is None:
            text = f"must be specified when completions is above {_COMPLETIONS_LIMIT}"
            yield field.required(f"{path}.maxFailedIndexes", text)
        limits = (("parallelism", parallelism), ("maxFailedIndexes", failed or 0))
        for name, value in limits:
            if value > _PER_INDEX_LIMIT:
                text = (
                    f"must be less than or equal to {_PER_INDEX_LIMIT} when completions are above "
                    f"{_COMPLETIONS_LIMIT} and used with backoff limit per index"
                )
                yield field.invalid(f"{path}.{name}", value, text)
