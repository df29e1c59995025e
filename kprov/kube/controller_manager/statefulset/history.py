"""Creates, renumbers and deletes the ControllerRevisions of stateful sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from kprov.kube.api.apps import ControllerRevision, StatefulSet
from kprov.kube.client import ApiError, ResourceClient
from kprov.kube.controller_manager.framework.controller_ref_manager import make_controller_reference
from kprov.kube.controller_manager.framework.controller_revisions import (
    DATA_HASH_LABEL,
    compute_data_hash,
    make_revision_data,
    make_revision_name,
)
from kprov.kube.controller_manager.statefulset import revisions
from kprov.kube.controller_manager.statefulset.claims import API_VERSION, KIND
from kprov.kube.machinery.go_text import go_json


@dataclass(frozen=True)
class Revisions:
    """`current`: what pods had before the update; `update`: the set's template. Equal without an update."""

    current: ControllerRevision
    update: ControllerRevision
    collision_count: int


class RevisionHistory:
    """Writes revisions. The caller passes those of the set, sorted by number."""

    def __init__(self, client: ResourceClient[ControllerRevision]) -> None:
        self._client = client

    async def ensure(self, ss: StatefulSet, existing: Sequence[ControllerRevision]) -> Revisions:
        """Return the set's revisions. Creates the one of its template, or renumbers it. Raises ApiError."""
        count = ss.status.collision_count or 0
        update = revisions.find_update_revision(ss, existing)
        number = existing[-1].revision + 1 if existing else 1
        if update is None:
            update, count = await self._create(ss, number, count)
        elif update is not existing[-1]:
            # The template of an older revision is back.
            update = await self._client.patch(
                update.metadata.name, {"revision": number}, namespace=update.metadata.namespace
            )
        current = next(
            (revision for revision in existing if revision.metadata.name == ss.status.current_revision),
            update,
        )
        return Revisions(current, update, count)

    async def trim(self, ss: StatefulSet, existing: Sequence[ControllerRevision], live: set[str]) -> None:
        """Delete the oldest unused revisions beyond spec.revisionHistoryLimit."""
        for revision in revisions.list_surplus(existing, ss.spec.revision_history_limit, live):
            try:
                await self._client.delete(revision.metadata.name, namespace=revision.metadata.namespace)
            except ApiError as error:
                if not error.is_not_found:
                    raise

    async def _create(self, ss: StatefulSet, number: int, count: int) -> tuple[ControllerRevision, int]:
        """Return the revision and the collision count that gave its name."""
        data = make_revision_data(ss.spec.template)
        metadata = ss.spec.template.get("metadata") or {}
        # The label keeps the first hash, as upstream's does, when a collision changes the name.
        labels = {**(metadata.get("labels") or {}), DATA_HASH_LABEL: compute_data_hash(data, count)}
        while True:
            body: dict[str, Any] = {
                "apiVersion": API_VERSION,
                "kind": "ControllerRevision",
                "metadata": {
                    "name": make_revision_name(ss.metadata.name, compute_data_hash(data, count)),
                    "labels": labels,
                    "annotations": ss.metadata.annotations,
                    "ownerReferences": [make_controller_reference(ss, API_VERSION, KIND)],
                },
                # Raw JSON, so that the bytes of the data stay.
                "data": orjson.Fragment(data),
                "revision": number,
            }
            try:
                return await self._client.create(body, namespace=ss.metadata.namespace), count
            except ApiError as error:
                if not error.is_already_exists:
                    raise
            existing = await self._client.get(body["metadata"]["name"], namespace=ss.metadata.namespace)
            if go_json.dumps(existing.data) == data:
                return existing, count
            count += 1
