"""spec.successPolicy of jobs.

Source: upstream pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.batch.job.indexes import count_indexes
from kprov.kube.apiserver.registry.generic.checks import Errors, check_not_negative, enumerate_items
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject


def validate_success_policy(spec: JsonObject, path: str) -> Errors:
    rules, completions = spec["successPolicy"].get("rules") or (), spec.get("completions") or 0
    if not rules:
        text = "at least one rules must be specified when the successPolicy is specified"
        yield field.required(path, text)
    if len(rules) > 20:
        yield field.too_many(path, len(rules), 20)
    for where, rule in enumerate_items(rules, path):
        count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
        if count is None and indexes is None:
            text = "at least one of succeededCount or succeededIndexes must be specified"
            yield field.required(where, text)
        total = 0
        if indexes is not None:
            if len(indexes) > 65536:
                yield field.too_long(f"{where}.succeededIndexes", 65536)
            total, problem = count_indexes(indexes, completions)
            if problem:
                text = f"error parsing succeededIndexes: {problem}"
                yield field.invalid(f"{where}.succeededIndexes", indexes, text)
        if count is not None:
            yield from _validate_count(rule, completions, total, where)


def _validate_count(rule: JsonObject, completions: int, total: int, where: str) -> Errors:
    count, indexes = rule["succeededCount"], rule.get("succeededIndexes")
    yield from check_not_negative(rule, where, "succeededCount")
    if count > completions:
        text = f"must be less than or equal to {completions} (the number of specified completions)"
        yield field.invalid(f"{where}.succeededCount", count, text)
    if indexes is not None and count > total:
        text = (
            f"must be less than or equal to {total} (the number of indexes in the specified "
            "succeededIndexes field)"
        )
        yield field.invalid(f"{where}.succeededCount", count, text)
