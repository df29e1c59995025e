"""What a deletion does to an object: at once, gracefully, or held by finalizers.

Source: upstream staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go and generic/registry/store.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kprov.kube.apiserver.registry.strategy import Strategy
from kprov.kube.machinery import status, timestamps
from kprov.kube.machinery.resources import Resource

Object = dict[str, Any]

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"


@dataclass(slots=True)
class DeleteOptions:
    """meta/v1 DeleteOptions, decoded; None where the client said nothing."""

    grace_period_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    propagation_policy: str | None = None
    orphan_dependents: bool | None = None
    raw: Object = field(default_factory=dict)


def check_preconditions(resource: Resource, obj: Object, options: DeleteOptions) -> None:
    metadata = obj["metadata"]
    # Upstream names the kind here, not the resource.
    about = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    if options.uid is not None and options.uid != uid:
        text = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({uid}). "
            "The object might have been deleted and then recreated"
        )
        raise status.conflict(about, metadata["name"], text)
    if options.resource_version is not None and options.resource_version != version:
        text = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
            f"ResourceVersion in record ({version}). The object might have been modified"
        )
        raise status.conflict(about, metadata["name"], text)


def mark(strategy: Strategy, obj: Object, options: DeleteOptions) -> bool:
    """Write down the wish to delete in the object; True when nothing holds it and it may be removed now."""
    metadata = obj["metadata"]
    pending = metadata.get("deletionTimestamp") is not None
    if not pending and strategy.terminate(obj):
        _set_finalizers(strategy, metadata, options)
        metadata["deletionTimestamp"] = timestamps.now()
        return False
    if strategy.holds(obj):
        return False
    graceful = strategy.grace_period(obj, options.grace_period_seconds)
    grace = graceful or 0
    _set_finalizers(strategy, metadata, options)
    if pending:
        before = metadata.get("deletionGracePeriodSeconds") or 0
        if before and grace < before and (options.grace_period_seconds is not None or not grace):
            since = timestamps.parse(metadata["deletionTimestamp"]) - timedelta(seconds=before)
            metadata["deletionTimestamp"] = timestamps.show(since + timedelta(seconds=grace))
            metadata["deletionGracePeriodSeconds"] = grace
        if not is_unheld(strategy, obj):
            metadata.setdefault("deletionGracePeriodSeconds", 0)
        remaining = metadata.get("deletionGracePeriodSeconds") or 0
        return remaining == 0 and is_unheld(strategy, obj)
    if grace or not is_unheld(strategy, obj):
        metadata["deletionTimestamp"] = timestamps.show(datetime.now(UTC) + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
        if metadata.get("generation"):
            metadata["generation"] += 1
        return False
    if graceful is not None:
        # What is shown of a pod that goes at once.
        metadata["deletionTimestamp"] = timestamps.now()
        metadata["deletionGracePeriodSeconds"] = 0
        if metadata.get("generation"):
            metadata["generation"] += 1
    return True


def is_unheld(strategy: Strategy, obj: Object) -> bool:
    """Neither metadata.finalizers nor its strategy keep it."""
    return not (obj["metadata"].get("finalizers") or strategy.holds(obj))


def is_finished(strategy: Strategy, obj: Object) -> bool:
    """Whether an update has removed the last thing that kept a deleted object."""
    metadata = obj["metadata"]
    return bool(
        metadata.get("deletionTimestamp")
        and not metadata.get("deletionGracePeriodSeconds")
        and is_unheld(strategy, obj)
    )


def _set_finalizers(strategy: Strategy, metadata: Object, options: DeleteOptions) -> None:
    policy = options.propagation_policy
    held = list(metadata.get("finalizers") or ())
    wanted = [each for each in held if each not in {ORPHAN, FOREGROUND}]
    if options.orphan_dependents is not None:
        wanted += [ORPHAN] if options.orphan_dependents else []
    elif policy == "Orphan":
        wanted.append(ORPHAN)
    elif policy == "Foreground":
        wanted.append(FOREGROUND)
    elif policy is None:
        wanted = held
        if strategy.orphan_by_default and ORPHAN not in held and FOREGROUND not in held:
            wanted = [*held, ORPHAN]
    if wanted:
        metadata["finalizers"] = wanted
    else:
        metadata.pop("finalizers", None)
