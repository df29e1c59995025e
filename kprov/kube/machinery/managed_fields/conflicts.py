"""Conflicts of server-side apply: fields that other managers own.

Source: staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go,
sigs.k8s.io/structured-merge-diff/v6/merge/conflict.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from kprov.kube.machinery import status
from kprov.kube.machinery.managed_fields import field_set
from kprov.kube.machinery.managed_fields.entries import Entry, sort_key
from kprov.kube.machinery.managed_fields.field_set import FieldSet

#: Entries of other managers, each with the fields that the apply would change.
Conflicts = Sequence[tuple[Entry, FieldSet]]


class ConflictError(Exception):
    """An apply would change fields of other managers."""

    def __init__(self, conflicts: Conflicts) -> None:
        super().__init__(f"conflicts with {len(conflicts)} owners")
        self.conflicts = conflicts


def make_status(conflicts: Conflicts) -> status.StatusError:
    """Return the 409 error. It lists managers by name, and their fields in the order of FieldsV1."""
    ordered = [
        (entry, field_set.sort_paths(paths))
        for entry, paths in sorted(conflicts, key=lambda conflict: sort_key(conflict[0].key))
    ]
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {entry.description}",
            "field": field_set.format_path(path),
        }
        for entry, paths in ordered
        for path in paths
    ]
    if len(causes) == 1:
        cause = causes[0]
        text = f"Apply failed with 1 conflict: {cause['message']}: {cause['field']}"
        return status.apply_conflict(causes, text)
    lines: list[str] = []
    for entry, paths in ordered:
        lines.append(f"conflicts with {entry.description}:")
        lines += [f"- {field_set.format_path(path)}" for path in paths]
    return status.apply_conflict(causes, f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines))
