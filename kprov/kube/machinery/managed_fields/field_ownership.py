"""Field ownership in metadata.managedFields: server-side apply, and tracking of updates.

Source: staging/src/k8s.io/apimachinery/pkg/util/managedfields, sigs.k8s.io/structured-merge-diff/v6/merge.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

from kprov.kube.machinery import status, timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import conflicts as apply_conflicts
from kprov.kube.machinery.managed_fields import field_set, last_applied, structured_check
from kprov.kube.machinery.managed_fields.conflicts import ConflictError
from kprov.kube.machinery.managed_fields.entries import (
    Entry,
    Key,
    Managers,
    decode_entries,
    encode_entry,
    merge_oldest_updaters,
    store_entries,
)
from kprov.kube.machinery.managed_fields.field_set import FieldSet, Path
from kprov.kube.machinery.managed_fields.first_fields import collect_first_fields
from kprov.kube.machinery.managed_fields.kind_versions import Differences, KindVersions, Versioned
from kprov.kube.machinery.managed_fields.structured_merge import (
    StructuredMergeError,
    add_named_parents,
    merge,
    remove,
)
from kprov.kube.machinery.managed_fields.structured_merge import collect_fields as fields_of
from kprov.kube.machinery.resources import api_version
from kprov.kube.machinery.schema import object_schema
from kprov.kube.machinery.schema.kind_types import KindTypes
from kprov.kube.machinery.schema.zero_values import make_zero

_BEFORE_APPLY = "before-first-apply"
#: Fields without owners. Upstream strips them too.
_UNOWNED: FieldSet = {("f:apiVersion",), ("f:kind",), ("f:metadata",)} | {
    ("f:metadata", f"f:{name}")
    for name in (
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    )
}
#: Fields within metadata do have owners.
_EXCLUDED = frozenset(_UNOWNED - {("f:metadata",)})


def update(
    live: JsonObject | None,
    new: JsonObject,
    gvk: object_schema.Gvk,
    *,
    manager: str,
    subresource: str = "",
    ignored: Iterable[Path] = (),
    schema: KindTypes | None = None,
    now: str | None = None,
) -> None:
    """Record in new.metadata.managedFields which fields a create, PUT or PATCH changed.

    live: the stored object, None at creation. manager: the fieldManager parameter, or what user_agent_manager
    makes of the client. ignored: paths that this write cannot change (("f:status",) on the main resource).
    Never fails: if managedFields cannot be decoded, the stored ones stay, as upstream does.
    """
    metadata = new.setdefault("metadata", {})
    managers = _read_managers(live, metadata, subresource)
    sent = metadata.pop("managedFields", None)
    stored = (live or {}).get("metadata", {}).get("managedFields")
    before = dict(managers)
    if not managers and live is not None:
        return  # the object has no managedFields: tracking starts with the first apply
    kind = KindVersions(gvk, schema)
    now = now or timestamps.now()
    entry = Entry(manager or "unknown", "Update", kind.own, subresource, now, set())
    try:
        if live is None and not managers:
            fields = collect_first_fields(kind.node, make_zero(kind.node), new, _exclude(tuple(ignored)))
            if fields:
                metadata["managedFields"] = [encode_entry(entry, fields)]
            return
        old = make_zero(kind.node) if live is None else _strip(live)
        managers = _update(kind, old, new, managers, entry, ignored)
    except StructuredMergeError:
        return
    if managers == before and stored and len(stored) == len(managers) and sent in (None, stored):
        # Most writes change no owner: no need to encode the same entries again.
        metadata["managedFields"] = stored
        return
    merge_oldest_updaters(managers)
    store_entries(metadata, managers)


def apply(
    live: JsonObject | None,
    applied: JsonObject,
    gvk: object_schema.Gvk,
    *,
    manager: str,
    force: bool = False,
    subresource: str = "",
    ignored: Iterable[Path] = (),
    schema: KindTypes | None = None,
    now: str | None = None,
) -> JsonObject:
    """Server-side apply: return the resulting object with its managedFields. Does not change the arguments.

    live: the stored object, None to create one. Raises StatusError: 400 for a wrong apiVersion or if the
    applied object has managedFields, 409 with upstream's text for fields of other managers, unless `force`.
    If nothing changed, the result equals `live`. The caller defaults and validates the result.
    """
    version = api_version(*gvk[:2])
    if applied.get("apiVersion") != version:
        raise status.bad_request(
            "Incorrect version specified in apply patch. "
            f"Specified patch version: {applied.get('apiVersion', '')}, expected: {version}"
        )
    if (applied.get("metadata") or {}).get("managedFields") is not None:
        raise status.bad_request("metadata.managedFields must be nil")
    kind = KindVersions(gvk, schema)
    refusal = structured_check.find_error(kind.node, applied, gvk)
    if refusal is not None:
        raise refusal
    now = now or timestamps.now()
    before = _strip(live)
    ignored = tuple(ignored)
    try:
        managers = decode_entries((live or {}).get("metadata", {}).get("managedFields"))
        if not managers and live is not None:
            first = Entry(_BEFORE_APPLY, "Update", version, subresource, now, set())
            managers = _update(kind, make_zero(kind.node), before, managers, first, ignored)
        entry = Entry(manager, "Apply", version, subresource, now, set())
        try:
            result, managers = _apply(kind, before, applied, managers, entry, ignored, force=force)
        except ConflictError as error:
            # Fields that the manager applied on the client before are its own.
            left = last_applied.remaining_conflicts(kind, before, manager, error)
            if left:
                raise apply_conflicts.make_status(left) from None
            result, managers = _apply(kind, before, applied, managers, entry, ignored, force=True)
    except StructuredMergeError as error:
        raise status.bad_request(f"failed to create typed patch object: {error}") from None
    if result is before or result is applied:
        result = dict(result)
    result["metadata"] = dict(result.get("metadata") or {})
    store_entries(result["metadata"], managers)
    return result


def without_managed_fields(obj: JsonObject) -> JsonObject:
    """Return a copy without managedFields, for comparing objects: a changed time alone is no change."""
    metadata = {name: value for name, value in obj.get("metadata", {}).items() if name != "managedFields"}
    return {**obj, "metadata": metadata}


@lru_cache(maxsize=256)
def _exclude(ignored: tuple[Path, ...]) -> frozenset[Path]:
    return _EXCLUDED.union(ignored)


def _strip(obj: JsonObject | None) -> JsonObject:
    return {} if obj is None else without_managed_fields(obj)


def _update(
    kind: KindVersions,
    old: JsonObject,
    new: JsonObject,
    managers: Managers,
    entry: Entry,
    ignored: Iterable[Path],
) -> Managers:
    """Return the managers after an update: `entry` owns the changed fields, and nobody else does."""
    managers = kind.reconcile(managers)
    differences = Differences(kind, old, new, ignored)
    _release_changed(managers, differences)
    owned = differences.in_version(kind.own)[0] - _UNOWNED
    if owned:
        previous = managers.get(entry.key)
        if previous is not None:
            owned |= previous.fields
        managers[entry.key] = replace(entry, fields=owned)
    return managers


def _release_changed(managers: Managers, differences: Differences, but: Key | None = None) -> None:
    for key, entry in list(managers.items()):
        if key == but:
            continue
        changes, removals = differences.in_version(entry.version)
        if entry.fields and entry.fields.isdisjoint(changes) and entry.fields.isdisjoint(removals):
            continue
        left = entry.fields - changes - removals
        if left:
            managers[key] = replace(entry, fields=left)
        else:
            del managers[key]


def _apply(
    kind: KindVersions,
    live: JsonObject,
    applied: JsonObject,
    managers: Managers,
    entry: Entry,
    ignored: tuple[Path, ...],
    *,
    force: bool,
) -> tuple[JsonObject, Managers]:
    """Return the resulting object and its managers. Raises ConflictError."""
    # An entry whose version is not served any more still has its time.
    before = managers.get(entry.key)
    managers = kind.reconcile(managers)
    result: JsonObject = merge(kind.node, live, applied)
    owned = field_set.exclude(fields_of(kind.node, applied), ignored)
    last = managers.get(entry.key)
    managers[entry.key] = replace(entry, fields=owned)
    if last is not None and last.fields:
        result = _prune(kind, result, managers, last)
    differences = Differences(kind, live, result, ignored)
    conflicting_paths = {
        key: held.fields & differences.in_version(held.version)[0]
        for key, held in managers.items()
        if key != entry.key
    }
    conflicts = [(managers[key], paths) for key, paths in conflicting_paths.items() if paths]
    if conflicts and not force:
        raise ConflictError(conflicts)
    _release_changed(managers, differences, but=entry.key)
    owned -= _UNOWNED
    if not owned:
        managers.pop(entry.key, None)
    else:
        # An apply that changes nothing keeps the old time, which is none for a new manager.
        unchanged_time = before.time if before is not None else None
        time = unchanged_time if result == live else entry.time
        managers[entry.key] = replace(entry, fields=owned, time=time)
    return result, managers


def _prune(kind: KindVersions, merged: JsonObject, managers: Managers, last: Entry) -> JsonObject:
    """Remove from `merged` what the manager applied before, does not apply now, and nobody else owns.

    Fields are removed in the version of the last apply. Fields of other managers are restored, in the version
    of each manager.
    """
    managed: dict[str, FieldSet] = {last.version: set()}
    for entry in managers.values():
        managed[entry.version] = managed.get(entry.version, set()) | entry.fields
    node = kind.node_of(last.version)
    assert node is not None, "managers of other versions are removed before"
    applied = add_named_parents(node, last.fields)
    whole = kind.convert(Versioned(kind.own, merged), last.version)
    kept = Versioned(last.version, remove(node, whole.document, applied))
    around = whole
    for version, fields in managed.items():
        around, kept = kind.convert(around, version), kind.convert(kept, version)
        kept = Versioned(version, _restore_owned(kind, around, kept, fields))
    left = add_named_parents(node, fields_of(node, kind.convert(kept, last.version).document))
    everything = add_named_parents(node, fields_of(node, whole.document))
    # Only fields that were applied before are removed, not fields without an owner within them.
    result = remove(node, whole.document, (everything - left) & applied)
    return kind.convert(Versioned(last.version, result), kind.own).document


def _restore_owned(kind: KindVersions, whole: Versioned, kept: Versioned, owned: FieldSet) -> JsonObject:
    """Return the document `kept` with the owned fields of `whole` restored."""
    node = kind.node_of(whole.version)
    assert node is not None, "managers of other versions are removed before"
    everything = add_named_parents(node, fields_of(node, whole.document))
    stays = add_named_parents(node, fields_of(node, kept.document)) | add_named_parents(node, owned)
    result: JsonObject = remove(node, whole.document, everything - stays)
    return result


def _read_managers(live: JsonObject | None, metadata: JsonObject, subresource: str) -> Managers:
    """Decode the managers that the client sent, else the stored ones. An empty entry clears all."""
    sent = metadata.get("managedFields")
    stored = (live or {}).get("metadata", {}).get("managedFields")
    if sent is not None and not subresource:
        if sent in ([], [{}]):
            return {}
        with suppress(ValueError):
            return decode_entries(sent)
    try:
        return decode_entries(stored)
    except ValueError:
        return {}
