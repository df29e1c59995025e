"""The replica set controller (pkg/controller/replicaset)."""

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar, Final

from kprov.kube.api.apps import ReplicaSet
from kprov.kube.api.core import ObjectReference, Pod
from kprov.kube.api.meta import OwnerReference
from kprov.kube.client import ApiError, Informer, reference
from kprov.kube.client.selector_index import SelectorIndex
from kprov.kube.client.store import split_key
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.controller_ref_manager import (
    ControllerRefManager,
    get_required_labels,
    index_by_owner,
    make_controller_reference,
    parse_selector,
)
from kprov.kube.controller_manager.framework.expectations import Expectations
from kprov.kube.controller_manager.framework.pod_control import PodControl
from kprov.kube.controller_manager.framework.updates import update_status
from kprov.kube.controller_manager.replicaset import status
from kprov.kube.controller_manager.replicaset.ranking import rank_pods_to_delete
from kprov.kube.machinery import timestamps

# The most pods that one sync creates or deletes.
BURST_REPLICAS: Final = 500
# Creations start with one and double, so that an invalid template costs one request, not hundreds.
SLOW_START_INITIAL: Final = 1


class ReplicaSetController(Controller):
    """Counts the active pods a replica set controls and makes or deletes the difference.

    What is said of the sets themselves stands in class attributes: replication.py has another kind of them.
    """

    name = "replicaset"
    concurrency = "concurrent_replicaset_syncs"
    component: ClassVar[str] = "replicaset-controller"
    api_version: ClassVar[str] = "apps/v1"
    kind: ClassVar[str] = "ReplicaSet"
    #: Whether the status has the field terminatingReplicas.
    counts_terminating: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.expectations = Expectations()
        self._recorder = context.make_recorder(self.component)
        self._pod_control = PodControl(context.client, self._recorder)
        self._sets = self.sets(context)
        self._pods = context.informers.informer("", "v1", "pods", Pod, indexers={"owner": index_by_owner})
        self._selecting = SelectorIndex(self._sets, lambda rs: get_required_labels(rs.spec.selector))
        self._sets.add_handler(
            on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new), on_delete=self._handle_delete
        )
        self._pods.add_handler(
            on_add=self._handle_pod_add, on_update=self._handle_pod_update, on_delete=self._handle_pod_delete
        )

    def sets(self, context: Context) -> Informer[ReplicaSet]:
        """Return the informer of the sets, with an index "owner"."""
        return context.informers.informer(
            "apps", "v1", "replicasets", ReplicaSet, indexers={"owner": index_by_owner}
        )

    async def sync(self, key: str) -> None:
        rs = self._sets.get(*split_key(key))
        if rs is None:
            self.expectations.forget(key)
            return
        may_manage = self.expectations.are_satisfied(key)
        selector = parse_selector(rs.spec.selector)
        orphans = self._pods.by_index("owner", f"orphan/{rs.metadata.namespace}")
        candidates = self._pods.by_index("owner", rs.metadata.uid) + orphans
        claims = ControllerRefManager(
            rs,
            api_version=self.api_version,
            kind=self.kind,
            selector=selector,
            children=self._pod_control.pods,
            is_owner_alive=lambda: self._is_owner_alive(rs),
        )
        active = await claims.claim(pod for pod in candidates if pod_conditions.is_active(pod))
        terminating = sum(
            bool(pod.metadata.deletion_timestamp) and not pod_conditions.is_terminal(pod)
            for pod in self._pods.by_index("owner", rs.metadata.uid)
        )
        failure: Exception | None = None
        if may_manage and not rs.metadata.deletion_timestamp:
            failure = await self._manage(key, rs, active)
        counted = terminating if self.counts_terminating else None
        await self._update_status(rs, active, counted, str(failure) if failure else "")
        if failure is not None:
            raise failure
        self._enqueue_after(key, rs, active)

    async def _manage(self, key: str, rs: ReplicaSet, active: Sequence[Pod]) -> Exception | None:
        """Create or delete the difference. Returns the first error. Lowers expectations for what failed."""
        owner = reference(rs, self.api_version, self.kind)
        missing = rs.spec.replicas - len(active)
        if missing > 0:
            return await self._create(key, rs, owner, min(missing, BURST_REPLICAS))
        if missing < 0:
            return await self._delete(key, rs, owner, active, min(-missing, BURST_REPLICAS))
        return None

    async def _create(self, key: str, rs: ReplicaSet, owner: ObjectReference, count: int) -> Exception | None:
        self.expectations.expect_creations(key, count)
        mark = make_controller_reference(rs, self.api_version, self.kind)
        done, batch = 0, SLOW_START_INITIAL
        while done < count:
            size = min(batch, count - done)
            results = await asyncio.gather(
                *(
                    self._pod_control.create(rs.metadata.namespace, rs.spec.template, owner, mark)
                    for _ in range(size)
                ),
                return_exceptions=True,
            )
            errors = [result for result in results if isinstance(result, BaseException)]
            if errors:
                # The informer will never show what failed or was not tried.
                self.expectations.observe_creation(key, len(errors) + count - done - size)
                return _first(errors)
            done += size
            batch *= 2
        return None

    async def _delete(
        self, key: str, rs: ReplicaSet, owner: ObjectReference, active: Sequence[Pod], count: int
    ) -> Exception | None:
        chosen = rank_pods_to_delete(active, self._list_related(rs), count, time.time())
        self.expectations.expect_deletions(key, (pod.metadata.uid for pod in chosen))
        results = await asyncio.gather(
            *(self._pod_control.delete(pod, owner) for pod in chosen), return_exceptions=True
        )
        errors: list[BaseException] = []
        for pod, result in zip(chosen, results, strict=True):
            if isinstance(result, BaseException):
                self.expectations.observe_deletion(key, pod.metadata.uid)
                if not (isinstance(result, ApiError) and result.is_not_found):
                    errors.append(result)
        return _first(errors) if errors else None

    def _list_related(self, rs: ReplicaSet) -> list[Pod]:
        """Pods of all replica sets that the same deployment controls."""
        owner = rs.metadata.controller()
        siblings = self._sets.by_index("owner", owner.uid) if owner else [rs]
        return [pod for sibling in siblings for pod in self._pods.by_index("owner", sibling.metadata.uid)]

    async def _update_status(
        self, rs: ReplicaSet, active: Sequence[Pod], terminating: int | None, failure: str
    ) -> None:
        wanted = status.calculate_status(rs, active, terminating, failure, time.time(), timestamps.now())
        if wanted == status.is_current(rs):
            return
        try:
            await update_status(self.resource_of(self._sets), rs, wanted)
        except ApiError as error:
            if not error.is_not_found:
                raise

    def _enqueue_after(self, key: str, rs: ReplicaSet, active: Sequence[Pod]) -> None:
        """Sync again when minReadySeconds of the next pod have passed."""
        if rs.spec.min_ready_seconds == 0:
            return
        now = time.time()
        waits = (
            pod_conditions.seconds_until_available(pod, rs.spec.min_ready_seconds, now) for pod in active
        )
        pending = [wait for wait in waits if wait]
        if pending:
            self.queue.add_after(key, min(pending) + 0.05)

    async def _is_owner_alive(self, rs: ReplicaSet) -> bool:
        try:
            fresh = await self.resource_of(self._sets).get(rs.metadata.name, namespace=rs.metadata.namespace)
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return fresh.metadata.uid == rs.metadata.uid and not fresh.metadata.deletion_timestamp

    def _handle_delete(self, rs: ReplicaSet) -> None:
        self.expectations.forget(rs.key)
        self.enqueue(rs)

    def _handle_pod_add(self, pod: Pod) -> None:
        if pod.metadata.deletion_timestamp:
            self._handle_pod_delete(pod)
            return
        owner = pod.metadata.controller()
        if owner is not None:
            if (rs := self._resolve(pod.metadata.namespace, owner)) is not None:
                self.expectations.observe_creation(rs.key)
                self.enqueue(rs)
            return
        self._enqueue_matching(pod)

    def _handle_pod_update(self, old: Pod, new: Pod) -> None:
        was, now = old.metadata.controller(), new.metadata.controller()
        if new.metadata.deletion_timestamp:
            # Count the deletion now: the kubelet may need long to end the pod.
            self._handle_pod_delete(new)
        if was is not None and (now is None or was.uid != now.uid):
            self._enqueue_owner(old.metadata.namespace, was)
        if now is not None:
            self._enqueue_owner(new.metadata.namespace, now)
        elif was is not None or old.metadata.labels != new.metadata.labels:
            self._enqueue_matching(new)

    def _handle_pod_delete(self, pod: Pod) -> None:
        owner = pod.metadata.controller()
        rs = self._resolve(pod.metadata.namespace, owner) if owner else None
        if rs is not None:
            self.expectations.observe_deletion(rs.key, pod.metadata.uid)
            self.enqueue(rs)

    def _enqueue_owner(self, namespace: str, owner: OwnerReference) -> None:
        if (rs := self._resolve(namespace, owner)) is not None:
            self.enqueue(rs)

    def _enqueue_matching(self, pod: Pod) -> None:
        for rs in self._selecting.find(pod.metadata.namespace, pod.metadata.labels):
            if parse_selector(rs.spec.selector).matches(pod.metadata.labels):
                self.enqueue(rs)

    def _resolve(self, namespace: str, owner: OwnerReference) -> ReplicaSet | None:
        if owner.kind != self.kind:
            return None
        rs = self._sets.get(namespace, owner.name)
        return rs if rs is not None and rs.metadata.uid == owner.uid else None


def _first(errors: Sequence[BaseException]) -> Exception | None:
    """Return the error to report. Creations in a terminating namespace fail as expected and are left out."""
    for error in errors:
        if isinstance(error, ApiError) and error.is_namespace_terminating:
            continue
        if isinstance(error, Exception):
            return error
    return None
