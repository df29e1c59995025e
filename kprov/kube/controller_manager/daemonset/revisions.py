"""The content of a daemon set's ControllerRevisions. Functions of values (pkg/controller/daemon/update.go).

A revision is the current one when its data are, byte for byte, the patch that restores the template.
Upstream's controller compares the same bytes: either controller takes over the other's revisions and pods.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kprov.kube.api.apps import ControllerRevision
from kprov.kube.controller_manager.framework.controller_revisions import (
    POD_REVISION_LABEL,
    make_revision_data,
    make_revision_patch,
)
from kprov.kube.machinery.go_text import go_json


@dataclass(frozen=True, slots=True)
class History:
    """A daemon set's revisions. `current` have its template. `same` have it too, encoded differently."""

    current: Sequence[ControllerRevision]
    same: Sequence[ControllerRevision]
    old: Sequence[ControllerRevision]

    @property
    def next_revision(self) -> int:
        """The number of the current revision if it is new."""
        return max((revision.revision for revision in self.old), default=0) + 1


def split_history(revisions: Iterable[ControllerRevision], template: dict[str, Any]) -> History:
    data, patch = make_revision_data(template), make_revision_patch(template)
    current: list[ControllerRevision] = []
    same: list[ControllerRevision] = []
    old: list[ControllerRevision] = []
    for revision in revisions:
        if go_json.dumps(revision.data) == data:
            current.append(revision)
        elif revision.data == patch:
            same.append(revision)
        else:
            old.append(revision)
    return History(current, same, old)


def get_newest(revisions: Iterable[ControllerRevision]) -> ControllerRevision:
    return max(revisions, key=lambda revision: revision.revision)


def list_surplus(history: History, limit: int, used_hashes: set[str]) -> list[ControllerRevision]:
    """Return the oldest revisions beyond `limit` that no pod uses."""
    count = max(0, len(history.old) - limit)
    sort_by_age = sorted(history.old, key=lambda revision: revision.revision)
    unused = [
        revision
        for revision in sort_by_age
        if revision.metadata.labels.get(POD_REVISION_LABEL) not in used_hashes
    ]
    return unused[:count]
