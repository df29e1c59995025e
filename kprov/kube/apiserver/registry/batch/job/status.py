"""What a write to the status of a job may change.

Most rules only check fields that the write changes. A status that was accepted before stays writable.
Source: upstream pkg/apis/batch/validation/validation.go (ValidateJobStatusUpdate),
pkg/registry/batch/job/strategy.go (getStatusValidationOptions).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import Errors, check_not_negative, enumerate_items
from kprov.kube.machinery import field
from kprov.kube.machinery.integers import parse_clamped
from kprov.kube.machinery.json_object import JsonObject

_CONDITIONS: Final = "status.conditions"
_CONDITION_TYPES: Final = ("Failed", "Complete", "FailureTarget", "SuccessCriteriaMet")


class _IndexesError(ValueError):
    """A list of indexes that cannot be parsed. The message is upstream's."""


class _State:
    """The status of a job and the types of its true conditions."""

    def __init__(self, job: JsonObject) -> None:
        self.status: JsonObject = job.get("status") or {}
        true = {
            condition.get("type")
            for condition in self.status.get("conditions") or ()
            if condition.get("status") == "True"
        }
        self.suspended = "Suspended" in true
        self.complete, self.failed = "Complete" in true, "Failed" in true
        self.finished = self.complete or self.failed
        self.true = true & set(_CONDITION_TYPES)

    def count(self, name: str) -> int:
        return self.status.get(name) or 0


class _Changes:
    """Which fields of the status and which conditions a write changes."""

    def __init__(self, new: _State, old: _State) -> None:
        self._new, self._old = new, old
        self.finished = new.finished != old.finished
        self.complete = new.complete != old.complete
        self.failed = new.failed != old.failed

    def condition(self, kind: str) -> bool:
        return (kind in self._new.true) != (kind in self._old.true)

    def of(self, name: str) -> bool:
        return self._new.status.get(name) != self._old.status.get(name)


def validate_job_status(obj: JsonObject, old: JsonObject) -> Errors:
    """Field rules of a job's status, in upstream's order."""
    new, before = _State(obj), _State(old)
    changes = _Changes(new, before)
    yield from check_not_negative(
        new.status, "status", "active", "succeeded", "failed", "ready", "terminating"
    )
    yield from _validate_uncounted(new.status)
    yield from _validate_finish(obj["spec"], new, changes)
    yield from _validate_indexes(obj["spec"], new.status, changes)
    yield from _validate_pods(new, changes)
    yield from _validate_success(obj["spec"], new)
    yield from _validate_no_regression(obj["spec"], new, before, changes)


def _validate_uncounted(status: JsonObject) -> Errors:
    seen: set[str] = set()
    for kind in ("succeeded", "failed"):
        pods = status.get("uncountedTerminatedPods") or {}
        for where, uid in enumerate_items(pods.get(kind), f"status.uncountedTerminatedPods.{kind}"):
            if not uid:
                yield field.invalid(where, uid, "must not be empty")
            elif uid in seen:
                yield field.duplicate(where, uid)
            seen.add(uid)


def _make_condition_error(text: str) -> field.FieldError:
    return field.invalid(_CONDITIONS, field.OMITTED, text)


def _validate_finish(spec: JsonObject, new: _State, changes: _Changes) -> Errors:
    complete, failed = new.complete, new.failed
    if (changes.complete or changes.failed) and complete and failed:
        yield _make_condition_error("cannot set Complete=True and Failed=true conditions")
    target = "FailureTarget" in new.true
    if (changes.complete or changes.condition("FailureTarget")) and complete and target:
        yield _make_condition_error("cannot set Complete=True and FailureTarget=true conditions")
    yield from _validate_completion_time(new, changes)
    if (changes.failed or changes.of("failedIndexes")) and failed and not target:
        yield _make_condition_error(
            "cannot set Failed=True condition without the FailureTarget=true condition"
        )
    met = "SuccessCriteriaMet" in new.true
    if (changes.complete or changes.condition("SuccessCriteriaMet")) and complete and not met:
        yield _make_condition_error(
            "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"
        )
    if new.finished:
        yield from _validate_finished(spec, new, changes)


def _validate_completion_time(new: _State, changes: _Changes) -> Errors:
    start, end = new.status.get("startTime"), new.status.get("completionTime")
    path = "status.completionTime"
    if changes.complete or changes.of("completionTime"):
        if end is not None and not new.complete:
            text = "cannot set completionTime when there is no Complete=True condition"
            yield field.invalid(path, end, text)
        if end is None and new.complete:
            yield field.required(path, "completionTime is required for Complete jobs")
    moved = changes.of("startTime") or changes.of("completionTime")
    if moved and start is not None and end is not None and end < start:
        yield field.invalid(path, end, "must be equal to or after `startTime`")


def _validate_finished(spec: JsonObject, new: _State, changes: _Changes) -> Errors:
    status = new.status
    if (changes.finished or changes.of("active")) and new.count("active") > 0:
        yield field.invalid("status.active", status["active"], "active>0 is invalid for finished job")
    starts_nothing = spec.get("suspend") is True and spec.get("completions") == 0
    if (
        (changes.finished or changes.of("startTime"))
        and not starts_nothing
        and status.get("startTime") is None
    ):
        yield field.required("status.startTime", "startTime is required for finished job")
    uncounted = status.get("uncountedTerminatedPods") or {}
    if (changes.finished or changes.of("uncountedTerminatedPods")) and any(uncounted.values()):
        path = "status.uncountedTerminatedPods"
        yield field.invalid(path, uncounted, "must be empty for finished job")


def _validate_indexes(spec: JsonObject, status: JsonObject, changes: _Changes) -> Errors:
    completions, per_index = spec.get("completions"), spec.get("backoffLimitPerIndex")
    done, failed = status.get("completedIndexes") or "", status.get("failedIndexes")
    done_path, failed_path = "status.completedIndexes", "status.failedIndexes"
    done_changed, failed_changed = changes.of("completedIndexes"), changes.of("failedIndexes")
    if completions is not None and done_changed:
        yield from _validate_index_list(done, completions, done_path)
    if completions is not None and per_index is not None and failed is not None and failed_changed:
        yield from _validate_index_list(failed, completions, failed_path)
    if done_changed and done and spec.get("completionMode", "NonIndexed") != "Indexed":
        text = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield field.invalid(done_path, done, text)
    if failed_changed and per_index is None and failed is not None:
        text = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield field.invalid(failed_path, failed, text)
    if (failed_changed or done_changed) and completions is not None and failed is not None:
        common = _find_common_index(
            list(_parse_valid_intervals(done, completions)), list(_parse_valid_intervals(failed, completions))
        )
        if common is not None:
            text = f"failedIndexes and completedIndexes overlap at index: {common}"
            yield field.invalid(failed_path, failed, text)


def _validate_index_list(indexes: str, completions: int, path: str) -> Errors:
    name = path.rpartition(".")[2]
    last: int | None = None
    try:
        for text in indexes.split(",") if indexes else ():
            low, high = _parse_interval(text, completions)
            if last is not None and last >= low:
                raise _IndexesError(f"non-increasing order, previous: {last}, current: {low}")
            last = high
    except _IndexesError as error:
        yield field.invalid(path, indexes, f"error parsing {name}: {error}")


def _parse_interval(text: str, completions: int) -> tuple[int, int]:
    """(first, last) of "3" or "3-5". Raises _IndexesError."""
    parts = text.split("-")
    if len(parts) > 2:
        raise _IndexesError(
            f"the fragment {_quote(text)} violates the requirement that an index interval can have "
            "at most two parts separated by '-'"
        )
    numbers = []
    for part in parts:
        if not (part.isascii() and part.removeprefix("+").isdigit()):
            raise _IndexesError(f"cannot convert string to integer for index: {_quote(part)}")
        if parse_clamped(part) >= completions:
            raise _IndexesError(f"too large index: {_quote(part)}")
        numbers.append(parse_clamped(part))
    low, high = numbers[0], numbers[-1]
    if len(numbers) > 1 and low >= high:
        raise _IndexesError(f"non-increasing order, previous: {low}, current: {high}")
    return low, high


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _parse_valid_intervals(indexes: str, completions: int) -> Iterator[tuple[int, int]]:
    """Yield the valid intervals of a list. _validate_index_list reports the others."""
    for text in indexes.split(",") if indexes else ():
        try:
            yield _parse_interval(text, completions)
        except _IndexesError:
            continue


def _find_common_index(done: list[tuple[int, int]], failed: list[tuple[int, int]]) -> int | None:
    at_done = at_failed = 0
    while at_done < len(done) and at_failed < len(failed):
        (low, high), (failed_low, failed_high) = done[at_done], failed[at_failed]
        if low <= failed_high and failed_low <= high:
            return max(low, failed_low)
        if low <= failed_low:
            at_done += 1
        else:
            at_failed += 1
    return None


def _validate_pods(new: _State, changes: _Changes) -> Errors:
    terminating, ready = new.count("terminating"), new.status.get("ready")
    if (changes.finished or changes.of("terminating")) and terminating > 0 and new.finished:
        yield field.invalid("status.terminating", terminating, "terminating>0 is invalid for finished job")
    if (changes.of("ready") or changes.of("active")) and ready is not None and ready > new.count("active"):
        yield field.invalid("status.ready", ready, "cannot set more ready pods than active")


def _validate_success(spec: JsonObject, new: _State) -> Errors:
    met = "SuccessCriteriaMet" in new.true
    if met and new.failed:
        yield _make_condition_error("cannot set SuccessCriteriaMet=True and Failed=true conditions")
    if met and "FailureTarget" in new.true:
        yield _make_condition_error("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")
    if spec.get("successPolicy") is not None and not met and new.complete:
        yield _make_condition_error(
            "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"
        )


def _validate_no_regression(spec: JsonObject, new: _State, old: _State, changes: _Changes) -> Errors:
    for kind in ("Failed", "Complete", "FailureTarget"):
        if kind in old.true and kind not in new.true:
            yield _make_condition_error(f"cannot disable the terminal {kind}=True condition")
    counters = ["failed"]
    # Elastic indexed jobs can be scaled down.
    indexed = spec.get("completionMode", "NonIndexed") == "Indexed"
    if not indexed or spec.get("completions") != spec.get("parallelism"):
        counters.append("succeeded")
    for name in counters:
        if new.count(name) < old.count(name):
            yield field.invalid(f"status.{name}", new.count(name), f"cannot decrease the {name} counter")
    end, start = new.status.get("completionTime"), new.status.get("startTime")
    if end is not None and old.status.get("completionTime") is not None and changes.of("completionTime"):
        yield field.invalid("status.completionTime", end, "field is immutable")
    resuming = old.suspended and _is_condition_false(new.status, "Suspended")
    started = old.status.get("startTime") is not None
    if started and changes.of("startTime") and not resuming and not spec.get("suspend"):
        text = "field is immutable for unsuspended job once set"
        yield field.invalid("status.startTime", start, text)
    met, was_met = "SuccessCriteriaMet" in new.true, "SuccessCriteriaMet" in old.true
    if was_met and not met:
        yield _make_condition_error("cannot disable the SuccessCriteriaMet=True condition")
    if old.complete and not was_met and met:
        yield _make_condition_error(
            "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"
        )


def _is_condition_false(status: JsonObject, kind: str) -> bool:
    conditions: list[Any] = status.get("conditions") or []
    return any(
        condition.get("type") == kind and condition.get("status") == "False" for condition in conditions
    )
