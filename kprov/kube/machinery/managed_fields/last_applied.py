"""Migration from client-side to server-side apply: the annotation of kubectl, and the fields it owns by it.

Source: staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/lastapplied{,manager,updater}.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import structured_check
from kprov.kube.machinery.managed_fields.conflicts import ConflictError, Conflicts
from kprov.kube.machinery.managed_fields.field_set import FieldSet
from kprov.kube.machinery.managed_fields.kind_versions import KindVersions
from kprov.kube.machinery.managed_fields.structured_merge import (
    StructuredMergeError,
    collect_fields,
    compare,
)

_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
#: The only manager whose annotation is kept up to date.
_MANAGER: Final = "kubectl"
_ANNOTATIONS_LIMIT: Final = 256 * 1024
#: Characters that Go always escapes in JSON.
_ESCAPED: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def remaining_conflicts(
    kind: KindVersions, live: JsonObject, manager: str, error: ConflictError
) -> Conflicts:
    """Return the conflicts without fields that kubectl applied on the client and nobody changed since.

    If none remain, kubectl may force the apply.
    """
    own = _collect_owned(kind, live) if manager == _MANAGER else set()
    return [(entry, paths - own) for entry, paths in error.conflicts if paths - own]


def _collect_owned(kind: KindVersions, live: JsonObject) -> FieldSet:
    text = _read_annotations(live).get(_ANNOTATION)
    try:
        applied = json.loads(text) if text else None
    except ValueError:
        return set()
    if not isinstance(applied, dict) or applied.get("apiVersion") != kind.own or not applied.get("kind"):
        return set()
    try:
        if any(structured_check.iterate_errors(kind.node, applied)):
            return set()
        changes = compare(kind.node, applied, live)
        return collect_fields(kind.node, applied) - changes.modified - changes.added - changes.removed
    except StructuredMergeError:
        return set()


def make_annotation(applied: Mapping[str, Any], manager: str) -> str | None:
    """Return the annotation's value after an apply of that document. None for other managers."""
    if manager != _MANAGER:
        return None
    document = dict(applied)
    if _read_annotations(document):
        metadata = dict(document["metadata"])
        kept = {name: value for name, value in metadata["annotations"].items() if name != _ANNOTATION}
        document["metadata"] = metadata | {"annotations": kept}
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return f"{text.translate(_ESCAPED)}\n"


def update_annotation(result: JsonObject, text: str) -> None:
    """Update the annotation if the object has it. Remove it if it is too large."""
    annotations = _read_annotations(result)
    if not annotations.get(_ANNOTATION):
        return
    renewed = {**annotations, _ANNOTATION: text}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in renewed.items())
    if size > _ANNOTATIONS_LIMIT:
        del renewed[_ANNOTATION]
    result["metadata"] = {**result["metadata"], "annotations": renewed}


def _read_annotations(obj: Mapping[str, Any]) -> Mapping[str, str]:
    metadata = obj.get("metadata")
    entries = metadata.get("annotations") if isinstance(metadata, dict) else None
    return entries if isinstance(entries, dict) else {}
