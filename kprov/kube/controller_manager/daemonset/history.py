"""The ControllerRevisions of daemon sets: creates, numbers, merges and deletes them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from kprov.kube.api.apps import ControllerRevision, DaemonSet
from kprov.kube.api.core import Pod
from kprov.kube.client import ApiError, ResourceClient
from kprov.kube.controller_manager.daemonset import revisions
from kprov.kube.controller_manager.daemonset.revisions import History
from kprov.kube.controller_manager.deployment import template
from kprov.kube.controller_manager.framework.controller_ref_manager import make_controller_reference
from kprov.kube.controller_manager.framework.controller_revisions import (
    POD_REVISION_LABEL,
    make_revision_data,
)
from kprov.kube.controller_manager.framework.updates import update_status

API_VERSION: Final = "apps/v1"
KIND: Final = "DaemonSet"


class RevisionHistory:
    """Writes revisions. The caller passes those of the set."""

    def __init__(
        self,
        sets: ResourceClient[DaemonSet],
        controller_revisions: ResourceClient[ControllerRevision],
        pods: ResourceClient[Pod],
    ) -> None:
        self._sets = sets
        self._revisions = controller_revisions
        self._pods = pods

    async def ensure_current(
        self, ds: DaemonSet, known: Iterable[ControllerRevision], pods: Sequence[Pod]
    ) -> tuple[str, History, list[Pod]]:
        """Return the hash that pods of the current template have, the set's history, its relabelled pods.

        Raises ApiError, also when a name is taken by another template (the next sync has another name).
        """
        labelled = [await self._ensure_label(revision) for revision in known]
        history = revisions.split_history(labelled, ds.spec.template)
        if not history.current:
            current = await self._create(ds, history.next_revision)
        else:
            current = revisions.get_newest(history.current)
            if current.revision < history.next_revision:
                await self._patch(current, {"revision": history.next_revision})
        digest = current.metadata.labels[POD_REVISION_LABEL]
        duplicates = [
            revision
            for revision in (*history.current, *history.same)
            if revision.metadata.name != current.metadata.name
        ]
        return digest, history, await self._merge(duplicates, digest, pods)

    async def trim(self, ds: DaemonSet, history: History, pods: Iterable[Pod]) -> None:
        """Delete the oldest revisions beyond spec.revisionHistoryLimit that no pod uses."""
        if ds.spec.revision_history_limit is None:
            return
        used = {pod.metadata.labels.get(POD_REVISION_LABEL, "") for pod in pods}
        for revision in revisions.list_surplus(history, ds.spec.revision_history_limit, used):
            await self._delete(revision)

    async def _create(self, ds: DaemonSet, number: int) -> ControllerRevision:
        digest = template.compute_hash(ds.spec.template, ds.status.collision_count)
        name, namespace = f"{ds.metadata.name}-{digest}", ds.metadata.namespace
        data = make_revision_data(ds.spec.template)
        body: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": "ControllerRevision",
            "metadata": {
                "name": name,
                "labels": {**_make_labels(ds.spec.template), POD_REVISION_LABEL: digest},
                "annotations": ds.metadata.annotations,
                "ownerReferences": [make_controller_reference(ds, API_VERSION, KIND)],
            },
            # Raw JSON, so that the bytes of the data stay.
            "data": orjson.Fragment(data),
            "revision": number,
        }
        try:
            return await self._revisions.create(body, namespace=namespace)
        except ApiError as error:
            if not error.is_already_exists:
                raise
            existing = await self._revisions.get(name, namespace=namespace)
            if revisions.split_history([existing], ds.spec.template).current:
                return existing
            await self._count_collision(ds)
            raise

    async def _count_collision(self, ds: DaemonSet) -> None:
        """Another template has the name: compute the next name with another collision count."""
        fresh = await self._sets.get(ds.metadata.name, namespace=ds.metadata.namespace)
        if fresh.status.collision_count == ds.status.collision_count:
            count = (fresh.status.collision_count or 0) + 1
            await update_status(self._sets, fresh, {"collisionCount": count})

    async def _merge(
        self, duplicates: Sequence[ControllerRevision], digest: str, pods: Sequence[Pod]
    ) -> list[Pod]:
        """Give pods of duplicates the label of the current revision. A duplicate without pods is deleted.

        A duplicate outlives its pods' old labels in the caller's copy: without it they were pods of an older
        template, and would be replaced.
        """
        hashes = {revision.metadata.labels[POD_REVISION_LABEL] for revision in duplicates} - {digest}
        merged: list[Pod] = []
        used: set[str] = set()
        for pod in pods:
            label = pod.metadata.labels.get(POD_REVISION_LABEL, "")
            if label not in hashes:
                merged.append(pod)
                continue
            used.add(label)
            change = {"metadata": {"labels": {POD_REVISION_LABEL: digest}}}
            merged.append(await self._pods.patch(pod.metadata.name, change, namespace=pod.metadata.namespace))
        for duplicate in duplicates:
            if duplicate.metadata.labels[POD_REVISION_LABEL] not in used:
                await self._delete(duplicate)
        return merged

    async def _ensure_label(self, revision: ControllerRevision) -> ControllerRevision:
        if POD_REVISION_LABEL in revision.metadata.labels:
            return revision
        labels = {POD_REVISION_LABEL: revision.metadata.name}
        return await self._patch(revision, {"metadata": {"labels": labels}})

    async def _patch(self, revision: ControllerRevision, body: dict[str, Any]) -> ControllerRevision:
        return await self._revisions.patch(
            revision.metadata.name, body, namespace=revision.metadata.namespace
        )

    async def _delete(self, revision: ControllerRevision) -> None:
        try:
            await self._revisions.delete(revision.metadata.name, namespace=revision.metadata.namespace)
        except ApiError as error:
            if not error.is_not_found:
                raise


def _make_labels(pod_template: dict[str, Any]) -> dict[str, str]:
    return (pod_template.get("metadata") or {}).get("labels") or {}
