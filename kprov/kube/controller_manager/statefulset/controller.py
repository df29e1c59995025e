"""The stateful set controller: informers, adoption, syncs and status."""

import time
from collections.abc import Sequence
from typing import Any

from kprov.kube.api.apps import ControllerRevision, StatefulSet
from kprov.kube.api.core import PersistentVolumeClaim, Pod
from kprov.kube.api.meta import Object, OwnerReference
from kprov.kube.client import ApiError, ResourceClient
from kprov.kube.client.selector_index import SelectorIndex
from kprov.kube.client.store import split_key
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.controller_ref_manager import (
    ControllerRefManager,
    get_required_labels,
    index_by_owner,
    parse_selector,
)
from kprov.kube.controller_manager.framework.controller_revisions import POD_REVISION_LABEL
from kprov.kube.controller_manager.framework.updates import update_status
from kprov.kube.controller_manager.statefulset import identity, status
from kprov.kube.controller_manager.statefulset.claims import API_VERSION, KIND
from kprov.kube.controller_manager.statefulset.history import RevisionHistory
from kprov.kube.controller_manager.statefulset.pod_control import StatefulPodControl
from kprov.kube.controller_manager.statefulset.revisions import sort_revisions
from kprov.kube.controller_manager.statefulset.sync import PodSync


class StatefulSetController(Controller):
    """Gives each stateful set its pods, one for each ordinal."""

    name = "statefulset"
    concurrency = "concurrent_statefulset_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._sets = informers.informer("apps", "v1", "statefulsets", StatefulSet)
        self._pods = informers.informer("", "v1", "pods", Pod, indexers={"owner": index_by_owner})
        self._claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._revisions = informers.informer(
            "apps", "v1", "controllerrevisions", ControllerRevision, indexers={"owner": index_by_owner}
        )
        self._history = RevisionHistory(self.resource_of(self._revisions))
        self._pod_control = StatefulPodControl(
            context.client, context.make_recorder("statefulset-controller"), self._claims.get
        )
        self._selecting = SelectorIndex(self._sets, lambda ss: get_required_labels(ss.spec.selector))
        self._sets.add_handler(
            on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new), on_delete=self.enqueue
        )
        self._pods.add_handler(
            on_add=self._handle_pod, on_update=self._handle_pod_update, on_delete=self._handle_pod
        )

    async def sync(self, key: str) -> None:
        ss = self._sets.get(*split_key(key))
        if ss is None:
            return
        revisions = sort_revisions(await self._claim_revisions(ss))
        pods = await self._claim_pods(ss)
        await self._sync_pods(ss, pods, revisions)

    async def _sync_pods(
        self, ss: StatefulSet, pods: Sequence[Pod], existing: Sequence[ControllerRevision]
    ) -> None:
        history = await self._history.ensure(ss, existing)
        now = time.time()
        current, update = history.current.metadata.name, history.update.metadata.name
        pods = [pod for pod in pods if identity.get_ordinal(pod) >= 0]
        work = PodSync(ss, history, self._pod_control, now)
        work.assign(pods)
        try:
            await work.run()
        finally:
            new = status.compute_status(
                ss,
                pods,
                current=current,
                update=update,
                collision_count=history.collision_count,
                now=now,
            )
            new.current_replicas -= work.deleted_for_update
            status.complete_rolling_update(ss, new)
            if status.is_changed(ss.status, new):
                await update_status(self.resource_of(self._sets), ss, status.to_document(new))
            live = {current, update, *(pod.metadata.labels.get(POD_REVISION_LABEL, "") for pod in pods)}
            await self._history.trim(ss, existing, live)
        if ss.spec.min_ready_seconds and new.ready_replicas != new.available_replicas:
            self.queue.add_after(ss.key, _seconds_until_next_available(ss, pods, now))

    async def _claim_pods(self, ss: StatefulSet) -> list[Pod]:
        orphans = self._pods.by_index("owner", f"orphan/{ss.metadata.namespace}")
        candidates = self._pods.by_index("owner", ss.metadata.uid) + orphans
        manager = self._make_ref_manager(ss, self.resource_of(self._pods))
        return await manager.claim(candidates, is_wanted=lambda pod: identity.is_member(ss, pod))

    async def _claim_revisions(self, ss: StatefulSet) -> list[ControllerRevision]:
        orphans = self._revisions.by_index("owner", f"orphan/{ss.metadata.namespace}")
        selector = parse_selector(ss.spec.selector)
        candidates = [
            revision
            for revision in self._revisions.by_index("owner", ss.metadata.uid) + orphans
            if selector.matches(revision.metadata.labels)
        ]
        return await self._make_ref_manager(ss, self.resource_of(self._revisions)).claim(candidates)

    def _make_ref_manager(self, ss: StatefulSet, children: ResourceClient[Any]) -> ControllerRefManager:
        return ControllerRefManager(
            ss,
            api_version=API_VERSION,
            kind=KIND,
            selector=parse_selector(ss.spec.selector),
            children=children,
            is_owner_alive=lambda: self._is_owner_alive(ss),
        )

    async def _is_owner_alive(self, ss: StatefulSet) -> bool:
        try:
            fresh = await self.resource_of(self._sets).get(ss.metadata.name, namespace=ss.metadata.namespace)
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return fresh.metadata.uid == ss.metadata.uid and not fresh.metadata.deletion_timestamp

    def _resolve(self, namespace: str, owner: OwnerReference | None) -> StatefulSet | None:
        if owner is None or owner.kind != KIND:
            return None
        ss = self._sets.get(namespace, owner.name)
        return ss if ss is not None and ss.metadata.uid == owner.uid else None

    def _handle_pod(self, pod: Object) -> None:
        """Sync the pod's owner, or every set that may adopt it."""
        owner, namespace = pod.metadata.controller(), pod.metadata.namespace
        if owner is not None:
            if (ss := self._resolve(namespace, owner)) is not None:
                self.enqueue(ss)
            return
        for ss in self._selecting.find(namespace, pod.metadata.labels):
            if parse_selector(ss.spec.selector).matches(pod.metadata.labels):
                self.enqueue(ss)

    def _handle_pod_update(self, old: Pod, new: Pod) -> None:
        was, now = old.metadata.controller(), new.metadata.controller()
        if was != now and (ss := self._resolve(old.metadata.namespace, was)) is not None:
            self.enqueue(ss)
        if now is not None or was is not None or old.metadata.labels != new.metadata.labels:
            self._handle_pod(new)


def _seconds_until_next_available(ss: StatefulSet, pods: Sequence[Pod], now: float) -> float:
    """Seconds until the next pod has been ready for minReadySeconds."""
    delays = [
        delay
        for pod in pods
        if (delay := pod_conditions.seconds_until_available(pod, ss.spec.min_ready_seconds, now))
    ]
    return min(delays, default=float(ss.spec.min_ready_seconds))
