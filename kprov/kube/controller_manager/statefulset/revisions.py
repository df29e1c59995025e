"""Which ControllerRevisions a stateful set has and needs. Functions of values (pkg/controller/history)."""

from collections.abc import Iterable, Sequence

from kprov.kube.api.apps import ControllerRevision, StatefulSet
from kprov.kube.controller_manager.deployment.template import is_same_template
from kprov.kube.controller_manager.framework.controller_revisions import make_revision_data, read_template
from kprov.kube.machinery.go_text import go_json


def sort_revisions(revisions: Iterable[ControllerRevision]) -> list[ControllerRevision]:
    """Sort by number. The creation time and then the name decide between equal numbers."""
    return sorted(
        revisions,
        key=lambda revision: (
            revision.revision,
            revision.metadata.creation_timestamp or "",
            revision.metadata.name,
        ),
    )


def find_update_revision(
    ss: StatefulSet, revisions: Sequence[ControllerRevision]
) -> ControllerRevision | None:
    """Return the revision of the set's template: one with the same bytes, else the newest if equal.

    Bytes may differ where another release wrote them. None: a new revision is needed.
    """
    data = make_revision_data(ss.spec.template)
    equal = [revision for revision in revisions if go_json.dumps(revision.data) == data]
    if equal:
        return equal[-1]
    if revisions and _restores(revisions[-1], ss):
        return revisions[-1]
    return None


def _restores(revision: ControllerRevision, ss: StatefulSet) -> bool:
    try:
        return is_same_template(read_template(revision.data), ss.spec.template)
    except ValueError:
        return False


def list_surplus(
    revisions: Sequence[ControllerRevision], limit: int | None, live: set[str]
) -> list[ControllerRevision]:
    """Return the oldest revisions beyond the limit. Those in `live` (names) do not count."""
    unused = [revision for revision in revisions if revision.metadata.name not in live]
    if limit is None or limit < 0:
        return []
    return unused[: max(0, len(unused) - limit)]
