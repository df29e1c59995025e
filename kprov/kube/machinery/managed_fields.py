"""Who owns which field: server-side apply, and the tracking of plain writes, in metadata.managedFields.

Source: staging/src/k8s.io/apimachinery/pkg/util/managedfields, sigs.k8s.io/structured-merge-diff/v6/merge.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from kprov.kube.machinery import field_set, status, structured_check, timestamps
from kprov.kube.machinery import schema as schemas
from kprov.kube.machinery.field_set import FieldSet, Path
from kprov.kube.machinery.first_fields import first_fields
from kprov.kube.machinery.resources import api_version
from kprov.kube.machinery.schema_types import Node
from kprov.kube.machinery.structured_merge import (
    StructuredMergeError,
    compare,
    merge,
    remove,
    with_named_parents,
)
from kprov.kube.machinery.structured_merge import field_set as fields_of
from kprov.kube.machinery.zero_values import zero_of

Object = dict[str, Any]

_MAX_UPDATE_MANAGERS = 10
_ANCIENT = "ancient-changes"
_BEFORE_APPLY = "before-first-apply"
#: Fields that belong to nobody, as upstream strips them.
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
#: Of metadata there are owners of parts.
_NOBODYS = frozenset(_UNOWNED - {("f:metadata",)})
_Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One of metadata.managedFields. time is None where the wire had none."""

    manager: str
    operation: str
    version: str
    subresource: str
    time: str | None
    fields: FieldSet

    @property
    def key(self) -> _Key:
        """Applied sets are one a manager; updates are one a manager and version."""
        version = self.version if self.operation == "Update" else ""
        return self.manager, self.operation, version, self.subresource

    @property
    def shown(self) -> str:
        """As conflicts name it: "kubectl" with subresource "scale" using apps/v1."""
        text = status.quoted(self.manager)
        if self.subresource:
            text += f" with subresource {status.quoted(self.subresource)}"
        return f"{text} using {self.version}" if self.operation == "Update" else text


_Managers = dict[_Key, _Entry]


def update(
    live: Object | None,
    new: Object,
    gvk: schemas.Gvk,
    *,
    manager: str,
    subresource: str = "",
    ignored: Iterable[Path] = (),
    schema: schemas.Schema | None = None,
    now: str | None = None,
) -> None:
    """Write down in new.metadata.managedFields what a create, PUT or PATCH changed; `new` is changed.

    live: the stored object, None at creation. manager: the fieldManager parameter, or what user_agent_manager
    makes of the client. ignored: paths that this write cannot change (("f:status",) on the main resource).
    Never fails: managedFields that cannot be read give way to the stored ones, as upstream has it.
    """
    metadata = new.setdefault("metadata", {})
    managers = _live_or_new(live, metadata, subresource)
    sent = metadata.pop("managedFields", None)
    stored = (live or {}).get("metadata", {}).get("managedFields")
    before = dict(managers)
    if not managers and live is not None:
        return  # made before anyone tracked it; tracking starts with the first apply
    node = (schema or schemas.builtin()).node(gvk)
    now = now or timestamps.now()
    entry = _Entry(manager or "unknown", "Update", api_version(*gvk[:2]), subresource, now, set())
    try:
        if live is None and not managers:
            fields = first_fields(node, zero_of(node), new, _NOBODYS.union(ignored))
            if fields:
                metadata["managedFields"] = [_wire(entry, fields)]
            return
        _update(node, zero_of(node) if live is None else _bare(live), new, managers, entry, ignored)
    except StructuredMergeError:
        return
    if managers == before and stored and sent in (None, stored):
        metadata["managedFields"] = stored  # by far the most writes: no need to encode the same again
        return
    _cap(managers)
    _store(metadata, managers)


def apply(
    live: Object | None,
    applied: Object,
    gvk: schemas.Gvk,
    *,
    manager: str,
    force: bool = False,
    subresource: str = "",
    ignored: Iterable[Path] = (),
    schema: schemas.Schema | None = None,
    now: str | None = None,
) -> Object:
    """Server-side apply: the object that results, its managedFields written; arguments stay as they are.

    live: the stored object, None when it is to be made. Raises StatusError: 400 for a wrong apiVersion or
    given managedFields, 409 with upstream's text for fields that others own, unless `force`. When nothing
    changed, the result equals `live`. Defaults and validation are the caller's, on the result.
    """
    version = api_version(*gvk[:2])
    if applied.get("apiVersion") != version:
        raise status.bad_request(
            "Incorrect version specified in apply patch. "
            f"Specified patch version: {applied.get('apiVersion', '')}, expected: {version}"
        )
    if (applied.get("metadata") or {}).get("managedFields") is not None:
        raise status.bad_request("metadata.managedFields must be nil")
    node = (schema or schemas.builtin()).node(gvk)
    refusal = structured_check.refusal(node, applied, gvk)
    if refusal is not None:
        raise refusal
    now = now or timestamps.now()
    before = _bare(live)
    try:
        managers = _decoded((live or {}).get("metadata", {}).get("managedFields"))
        if not managers and live is not None:
            first = _Entry(_BEFORE_APPLY, "Update", version, "", now, set())
            _update(node, zero_of(node), before, managers, first, ())
        entry = _Entry(manager, "Apply", version, subresource, now, set())
        result = _apply(node, before, applied, managers, entry, force, tuple(ignored))
    except StructuredMergeError as error:
        raise status.bad_request(f"failed to create typed patch object: {error}") from None
    if result is before or result is applied:
        result = dict(result)
    result["metadata"] = dict(result.get("metadata") or {})
    _store(result["metadata"], managers)
    return result


def user_agent_manager(user_agent: str) -> str:
    """The manager's name where the request gives none: the user agent up to its first slash, 128 bytes."""
    return user_agent.split("/", 1)[0][:128]


def without_managed_fields(obj: Object) -> Object:
    """A copy that differs in metadata only, for comparing writes: a changed time alone is no change."""
    metadata = {name: value for name, value in obj.get("metadata", {}).items() if name != "managedFields"}
    return {**obj, "metadata": metadata}


def _bare(obj: Object | None) -> Object:
    return {} if obj is None else without_managed_fields(obj)


def _update(
    node: Node,
    old: Object,
    new: Object,
    managers: _Managers,
    entry: _Entry,
    ignored: Iterable[Path],
) -> None:
    """Give what changed to `entry`, and take it from everyone else."""
    changes = compare(node, old, new)
    ignored = tuple(ignored)
    changed = field_set.without(changes.modified | changes.added, ignored)
    removed = field_set.without(changes.removed, ignored)
    if not changed and not removed:
        return
    _take_away(managers, changed | removed)
    owned = changed - _UNOWNED
    if not owned:
        return
    previous = managers.get(entry.key)
    if previous is not None:
        owned |= previous.fields
    managers[entry.key] = replace(entry, fields=owned)


def _take_away(managers: _Managers, paths: FieldSet, but: _Key | None = None) -> None:
    for key, entry in list(managers.items()):
        if key == but or entry.fields.isdisjoint(paths):
            continue
        left = entry.fields - paths
        if left:
            managers[key] = replace(entry, fields=left)
        else:
            del managers[key]


def _apply(
    node: Node,
    live: Object,
    applied: Object,
    managers: _Managers,
    entry: _Entry,
    force: bool,
    ignored: tuple[Path, ...],
) -> Object:
    merged: Object = merge(node, live, applied)
    owned = field_set.without(fields_of(node, applied), ignored)
    last = managers.get(entry.key)
    managers[entry.key] = replace(entry, fields=owned)
    result = _pruned(node, merged, managers, last.fields) if last is not None and last.fields else merged
    changes = compare(node, live, result)
    changed = field_set.without(changes.modified | changes.added, ignored)
    conflicts = {
        key: held.fields & changed
        for key, held in managers.items()
        if key != entry.key and not held.fields.isdisjoint(changed)
    }
    if conflicts and not force:
        raise _conflict([(managers[key], paths) for key, paths in sorted(conflicts.items())])
    _take_away(managers, changed | field_set.without(changes.removed, ignored), but=entry.key)
    owned -= _UNOWNED
    if not owned:
        managers.pop(entry.key, None)
    else:
        # Who changes nothing gets no new time; one who has applied nothing before has none.
        unchanged_time = last.time if last is not None else None
        time = unchanged_time if result == live else entry.time
        managers[entry.key] = replace(entry, fields=owned, time=time)
    return result


def _pruned(node: Node, merged: Object, managers: _Managers, last: FieldSet) -> Object:
    """`merged` without what the manager applied before, applies no more, and nobody else owns."""
    last = with_named_parents(node, last)
    everything = with_named_parents(node, fields_of(node, merged))
    managed: FieldSet = set()
    for entry in managers.values():
        managed |= entry.fields
    kept = with_named_parents(node, fields_of(node, remove(node, merged, last)))
    kept |= with_named_parents(node, managed)
    pruned = remove(node, merged, everything - kept)
    left = with_named_parents(node, fields_of(node, pruned))
    # Only what was applied before may go: fields of nobody inside it stay.
    result: Object = remove(node, merged, (everything - left) & last)
    return result


def _conflict(conflicts: list[tuple[_Entry, FieldSet]]) -> status.StatusError:
    listed = [(entry, path) for entry, paths in conflicts for path in sorted(paths)]
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {entry.shown}",
            "field": field_set.shown(path),
        }
        for entry, path in listed
    ]
    if len(listed) == 1:
        entry, path = listed[0]
        text = f"Apply failed with 1 conflict: conflict with {entry.shown}: {field_set.shown(path)}"
        return status.apply_conflict(causes, text)
    lines: list[str] = []
    for entry, paths in conflicts:
        lines.append(f"conflicts with {entry.shown}:")
        lines += [f"- {field_set.shown(path)}" for path in sorted(paths)]
    return status.apply_conflict(causes, f"Apply failed with {len(listed)} conflicts: " + "\n".join(lines))


def _live_or_new(live: Object | None, metadata: Object, subresource: str) -> _Managers:
    """A client may write managedFields itself; an empty entry in them clears all."""
    sent = metadata.get("managedFields")
    stored = (live or {}).get("metadata", {}).get("managedFields")
    if sent and not subresource:
        if sent == [{}]:
            return {}
        with suppress(ValueError):
            return _decoded(sent)
    try:
        return _decoded(stored)
    except ValueError:
        return {}


def _decoded(entries: list[Object] | None) -> _Managers:
    managers: _Managers = {}
    for index, each in enumerate(entries or ()):
        if each.get("operation") not in {"Apply", "Update"}:
            raise StructuredMergeError("operation must be `Apply` or `Update`")
        if not each.get("apiVersion"):
            raise StructuredMergeError("apiVersion must not be empty")
        if each.get("fieldsType") != "FieldsV1":
            raise StructuredMergeError(f"missing fieldsType in managed fields entry {index}")
        entry = _Entry(
            manager=each.get("manager", ""),
            operation=each["operation"],
            version=each["apiVersion"],
            subresource=each.get("subresource", ""),
            time=each.get("time"),
            fields=field_set.decode(each.get("fieldsV1")),
        )
        managers[entry.key] = entry
    return managers


def _store(metadata: Object, managers: _Managers) -> None:
    if not managers:
        metadata.pop("managedFields", None)
        return
    ordered = sorted(
        managers.values(),
        key=lambda each: (each.operation, each.time or "", each.manager, each.version, each.subresource),
    )
    metadata["managedFields"] = [_wire(entry, field_set.encode(entry.fields)) for entry in ordered]


def _wire(entry: _Entry, fields: Object) -> Object:
    wire: Object = {"manager": entry.manager, "operation": entry.operation, "apiVersion": entry.version}
    if entry.time is not None:
        wire["time"] = entry.time
    wire["fieldsType"] = "FieldsV1"
    wire["fieldsV1"] = fields
    if entry.subresource:
        wire["subresource"] = entry.subresource
    return wire


def _cap(managers: _Managers) -> None:
    """Join the oldest updaters once there are more than ten, so that objects do not grow without end."""
    updaters = sorted(
        (entry for entry in managers.values() if entry.operation == "Update"),
        key=lambda each: (each.time or "", each.manager),
    )
    while len(updaters) > _MAX_UPDATE_MANAGERS:
        oldest, second = updaters[:2]
        joined = replace(second, manager=_ANCIENT, subresource="", fields=oldest.fields | second.fields)
        del managers[oldest.key], managers[second.key]
        managers[joined.key] = joined
        updaters[:2] = [joined]
