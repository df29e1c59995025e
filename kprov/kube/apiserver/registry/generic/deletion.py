"""What a deletion does to an object: remove it, delete it gracefully, or wait for finalizers.

Source: upstream staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go and generic/registry/store.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final

from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.machinery import status, timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"


@dataclass(slots=True)
class DeleteOptions:
    """The decoded meta/v1 DeleteOptions. None: the client did not set the field."""

    grace_period_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    propagation_policy: str | None = None
    orphan_dependents: bool | None = None
    raw: JsonObject = field(default_factory=dict)


def check_preconditions(
    strategy: Strategy, resource: Resource, obj: JsonObject, options: DeleteOptions
) -> None:
    """Raise StatusError 409 if UID or resourceVersion differ from the preconditions."""
    metadata = obj["metadata"]
    for what, wanted, stored_value, guess in (
        ("UID", options.uid, metadata.get("uid"), "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, metadata.get("resourceVersion"), "modified"),
    ):
        if wanted is None or wanted == stored_value:
            continue
        own = strategy.explain_failed_precondition(what, wanted, stored_value)
        if own:
            raise status.conflict(resource, metadata["name"], own)
        text = (
            f"the {what} in the precondition ({wanted}) does not match the {what} in record "
            f"({stored_value}). The object might have been {guess}"
        )
        # Upstream names the kind here, not the resource.
        about = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
        raise status.conflict(about, metadata["name"], text)


class Outcome(Enum):
    """What becomes of an object that is to be deleted."""

    #: It stays. It is written if it changed.
    KEPT = auto()
    #: It is written with a grace period of 0, which watchers see, then removed (pods).
    WRITTEN = auto()
    #: It is removed without another write.
    REMOVED = auto()


def mark_deleted(strategy: Strategy, obj: JsonObject, options: DeleteOptions) -> Outcome:
    """Set deletionTimestamp, grace period and finalizers in an object that is to be deleted."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") and strategy.mark_terminating(obj):
        if options.orphan_dependents is False:
            options = replace(options, orphan_dependents=None, propagation_policy="Foreground")
        _set_finalizers(strategy, metadata, options)
        metadata["deletionTimestamp"] = timestamps.now()
        return Outcome.KEPT
    if strategy.is_held(obj):
        return Outcome.KEPT
    before = metadata.get("deletionGracePeriodSeconds")
    if metadata.get("deletionTimestamp") and strategy.is_deleted_gracefully and before:
        wanted = options.grace_period_seconds
        if wanted is None or wanted >= before:
            # The grace period runs already. The first request has set the finalizers.
            return Outcome.KEPT
        _shorten(metadata, before, wanted)
        graceful: int | None = wanted
    elif metadata.get("deletionTimestamp"):
        graceful = None
    else:
        graceful = strategy.choose_grace_period(obj, options.grace_period_seconds)
        if graceful is not None:
            _begin(metadata, graceful)
    _set_finalizers(strategy, metadata, options)
    held = bool(metadata.get("finalizers"))
    if graceful is not None:
        return Outcome.KEPT if held or graceful else Outcome.WRITTEN
    if not held:
        return Outcome.REMOVED
    _end(metadata)
    return Outcome.KEPT


def _begin(metadata: JsonObject, grace: int) -> None:
    metadata["deletionTimestamp"] = timestamps.show(datetime.now(UTC) + timedelta(seconds=grace))
    metadata["deletionGracePeriodSeconds"] = grace
    if metadata.get("generation"):
        metadata["generation"] += 1


def _shorten(metadata: JsonObject, before: int, grace: int) -> None:
    """Shorten the grace period, counted from the first deletion request. It stays at least one second."""
    end = timestamps.parse(metadata["deletionTimestamp"]) + timedelta(seconds=grace - before)
    now = datetime.now(UTC)
    if end < now:
        end, grace = now, min(grace, 1)
    metadata["deletionTimestamp"] = timestamps.show(end)
    metadata["deletionGracePeriodSeconds"] = grace


def _end(metadata: JsonObject) -> None:
    """Set the grace period to 0. Only finalizers delay the removal."""
    now = datetime.now(UTC)
    since = metadata.get("deletionTimestamp")
    if not since and metadata.get("generation"):
        metadata["generation"] += 1
    if not since or timestamps.parse(since) > now:
        metadata["deletionTimestamp"] = timestamps.show(now)
    metadata["deletionGracePeriodSeconds"] = 0


def is_unheld(strategy: Strategy, obj: JsonObject) -> bool:
    """Whether neither metadata.finalizers nor the strategy hold the object."""
    return not (obj["metadata"].get("finalizers") or strategy.is_held(obj))


def is_finished(strategy: Strategy, obj: JsonObject) -> bool:
    """Whether an update removed the last finalizer of a deleted object."""
    metadata = obj["metadata"]
    return bool(
        metadata.get("deletionTimestamp")
        and not metadata.get("deletionGracePeriodSeconds")
        and is_unheld(strategy, obj)
    )


def _set_finalizers(strategy: Strategy, metadata: JsonObject, options: DeleteOptions) -> None:
    policy, orphan = options.propagation_policy, options.orphan_dependents
    if not strategy.collects_garbage:  # as with the policy Background
        policy, orphan = "Background", None
    held = list(metadata.get("finalizers") or ())
    wanted = [finalizer for finalizer in held if finalizer not in {ORPHAN, FOREGROUND}]
    if orphan is not None:
        wanted += [ORPHAN] if orphan else []
    elif policy == "Orphan":
        wanted.append(ORPHAN)
    elif policy == "Foreground":
        wanted.append(FOREGROUND)
    elif policy is None:
        wanted = held
        if strategy.orphan_by_default and ORPHAN not in held and FOREGROUND not in held:
            wanted = [*held, ORPHAN]
    if set(wanted) == set(held):
        return
    if wanted:
        metadata["finalizers"] = wanted
    else:
        metadata.pop("finalizers", None)
