"""The daemon set controller (pkg/controller/daemon)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from kprov.kube.api.apps import ControllerRevision, DaemonSet
from kprov.kube.api.core import Node, Pod
from kprov.kube.api.meta import Object, OwnerReference
from kprov.kube.client import ApiError, ResourceClient, reference
from kprov.kube.client.selector_index import SelectorIndex
from kprov.kube.client.store import split_key
from kprov.kube.component_base.backoff import KeyedBackoff
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.daemonset import steps
from kprov.kube.controller_manager.daemonset.history import API_VERSION, KIND, RevisionHistory
from kprov.kube.controller_manager.daemonset.placement import Placement
from kprov.kube.controller_manager.daemonset.steps import State, Step
from kprov.kube.controller_manager.framework.controller import Context, Controller, run_periodically
from kprov.kube.controller_manager.framework.controller_ref_manager import (
    ControllerRefManager,
    get_required_labels,
    index_by_owner,
    make_controller_reference,
    parse_selector,
)
from kprov.kube.controller_manager.framework.controller_revisions import POD_REVISION_LABEL
from kprov.kube.controller_manager.framework.expectations import Expectations
from kprov.kube.controller_manager.framework.pod_control import PodControl
from kprov.kube.controller_manager.framework.updates import update_status

_BURST: Final = 250
# The first batch has one creation, each next one twice as many: an invalid template costs one request.
_SLOW_START_INITIAL: Final = 1
_FAILED_POD_DELAY_SECONDS: Final = 1.0
_FAILED_POD_MAX_DELAY_SECONDS: Final = 900.0
_BACKOFF_CLEANUP_SECONDS: Final = 60.0


class DaemonSetController(Controller):
    """Compares the desired pods with the existing ones, node by node."""

    name = "daemonset"
    concurrency = "concurrent_daemonset_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.expectations = Expectations()
        self.failed_pods = KeyedBackoff(
            initial=_FAILED_POD_DELAY_SECONDS, maximum=_FAILED_POD_MAX_DELAY_SECONDS
        )
        self._recorder = context.make_recorder("daemonset-controller")
        self._pod_control = PodControl(context.client, self._recorder)
        self._sets = context.informers.informer("apps", "v1", "daemonsets", DaemonSet)
        self._revisions = context.informers.informer(
            "apps", "v1", "controllerrevisions", ControllerRevision, indexers={"owner": index_by_owner}
        )
        self._nodes = context.informers.informer("", "v1", "nodes", Node)
        self._pods = context.informers.informer("", "v1", "pods", Pod, indexers={"owner": index_by_owner})
        self._history = RevisionHistory(
            self.resource_of(self._sets), self.resource_of(self._revisions), self.resource_of(self._pods)
        )
        self._selecting = SelectorIndex(self._sets, lambda ds: get_required_labels(ds.spec.selector))
        self._sets.add_handler(
            on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new), on_delete=self._handle_delete
        )
        self._revisions.add_handler(
            on_add=self._handle_child_change,
            on_update=lambda _, new: self._handle_child_change(new),
            on_delete=self._handle_child_change,
        )
        self._nodes.add_handler(
            on_add=lambda _: self._enqueue_all(),
            on_update=self._handle_node_update,
            on_delete=lambda _: self._enqueue_all(),
        )
        self._pods.add_handler(
            on_add=self._handle_pod_add, on_update=self._handle_pod_update, on_delete=self._handle_pod_delete
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            group.create_task(
                run_periodically(_BACKOFF_CLEANUP_SECONDS, self._drop_expired_backoff, "failed daemon pods")
            )

    async def sync(self, key: str) -> None:
        ds = self._sets.get(*split_key(key))
        if ds is None:
            self.expectations.forget(key)
            return
        if ds.metadata.deletion_timestamp:
            return
        claimed = await self._claim_pods(ds)
        known = await self._claim_revisions(ds)
        digest, history, claimed = await self._history.ensure_current(ds, known, claimed)
        state = self._read_state(ds, claimed, digest)
        if not self.expectations.are_satisfied(key):
            # The informer is behind: report its pods, but create and delete none.
            await self._update_status(key, state, processed=False)
            return
        try:
            await self._write(key, state, steps.place_pods(state, self._make_backoff_check(ds)))
            if self.expectations.are_satisfied(key) and ds.spec.update_strategy.type == steps.ROLLING_UPDATE:
                await self._write(key, state, steps.roll_out(state))
            await self._history.trim(ds, history, claimed)
        finally:
            await self._update_status(key, state, processed=True)

    def _read_state(self, ds: DaemonSet, pods: Sequence[Pod], digest: str) -> State:
        return State(
            daemon_set=ds,
            placement=Placement(ds.spec.template),
            nodes=self._nodes.list(),
            pods=steps.group_by_node(pods),
            hash=digest,
            now=time.time(),
        )

    async def _write(self, key: str, state: State, step: Step) -> None:
        """Create and delete pods. Raises the first error. Lowers expectations for what failed."""
        create, delete = step.create[:_BURST], step.delete[:_BURST]
        self.expectations.expect(key, creations=len(create), deletions=(pod.metadata.uid for pod in delete))
        errors = await self._create(key, state, create)
        errors += await self._delete(key, state.daemon_set, delete)
        if errors:
            raise errors[0]

    async def _create(self, key: str, state: State, nodes: Sequence[str]) -> list[BaseException]:
        ds = state.daemon_set
        owner, mark = reference(ds, API_VERSION, KIND), make_controller_reference(ds, API_VERSION, KIND)
        template = _make_template(ds, state.hash)
        done, batch = 0, _SLOW_START_INITIAL
        while done < len(nodes):
            names = nodes[done : done + batch]
            results = await asyncio.gather(
                *(
                    self._pod_control.create(
                        ds.metadata.namespace,
                        template,
                        owner,
                        mark,
                        changes=state.placement.pin_to_node(name),
                    )
                    for name in names
                ),
                return_exceptions=True,
            )
            done, batch = done + len(names), batch * 2
            errors = [result for result in results if isinstance(result, BaseException)]
            if errors:
                # The informer will never show what failed or was not tried.
                self.expectations.observe_creation(key, len(errors) + len(nodes) - done)
                return [error for error in errors if not _is_namespace_terminating(error)]
        return []

    async def _delete(self, key: str, ds: DaemonSet, pods: Sequence[Pod]) -> list[BaseException]:
        owner = reference(ds, API_VERSION, KIND)
        results = await asyncio.gather(
            *(self._pod_control.delete(pod, owner) for pod in pods), return_exceptions=True
        )
        errors: list[BaseException] = []
        for pod, result in zip(pods, results, strict=True):
            if isinstance(result, BaseException):
                self.expectations.observe_deletion(key, pod.metadata.uid)
                if not (isinstance(result, ApiError) and result.is_not_found):
                    errors.append(result)
        return errors

    def _make_backoff_check(self, ds: DaemonSet) -> Callable[[Pod, str], bool]:
        """Return the back-off of failed pods: a kubelet may reject each new one immediately."""
        about = reference(ds, API_VERSION, KIND)

        def may_delete(pod: Pod, node_name: str) -> bool:
            where = f"daemon pod {pod.key} on node {node_name}"
            if pod.status.phase == "Succeeded":
                message = f"Found succeeded {where}, will try to delete it"
                self._recorder.event(about, "Normal", "SucceededDaemonPod", message)
                return True
            backoff_key = f"{ds.metadata.uid}/{ds.status.observed_generation}/{node_name}"
            if (wait := self.failed_pods.get_remaining(backoff_key)) > 0:
                self.queue.add_after(ds.key, wait)
                return False
            self.failed_pods.record_failure(backoff_key)
            message = f"Found failed {where}, will try to kill it"
            self._recorder.event(about, "Warning", "FailedDaemonPod", message)
            return True

        return may_delete

    async def _drop_expired_backoff(self) -> None:
        self.failed_pods.drop_expired()

    async def _update_status(self, key: str, state: State, *, processed: bool) -> None:
        """Write the status. processed: the sync was complete, so the generation is observed."""
        ds = state.daemon_set
        counts = _count_pods(state)
        if processed:
            counts["observedGeneration"] = ds.metadata.generation
        known = msgspec.to_builtins(ds.status)
        if any(known.get(field, 0) != value for field, value in counts.items()):
            await update_status(self.resource_of(self._sets), ds, counts)
        if ds.spec.min_ready_seconds and counts["numberReady"] != counts["numberAvailable"]:
            self.queue.add_after(key, ds.spec.min_ready_seconds)

    async def _claim_pods(self, ds: DaemonSet) -> list[Pod]:
        orphans = self._pods.by_index("owner", f"orphan/{ds.metadata.namespace}")
        candidates = self._pods.by_index("owner", ds.metadata.uid) + orphans
        return await self._make_ref_manager(ds, self.resource_of(self._pods)).claim(candidates)

    async def _claim_revisions(self, ds: DaemonSet) -> list[ControllerRevision]:
        orphans = self._revisions.by_index("owner", f"orphan/{ds.metadata.namespace}")
        candidates = self._revisions.by_index("owner", ds.metadata.uid) + orphans
        return await self._make_ref_manager(ds, self.resource_of(self._revisions)).claim(candidates)

    def _make_ref_manager(self, ds: DaemonSet, children: ResourceClient[Any]) -> ControllerRefManager:
        return ControllerRefManager(
            ds,
            api_version=API_VERSION,
            kind=KIND,
            selector=parse_selector(ds.spec.selector),
            children=children,
            is_owner_alive=lambda: self._is_owner_alive(ds),
        )

    async def _is_owner_alive(self, ds: DaemonSet) -> bool:
        try:
            fresh = await self.resource_of(self._sets).get(ds.metadata.name, namespace=ds.metadata.namespace)
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return fresh.metadata.uid == ds.metadata.uid and not fresh.metadata.deletion_timestamp

    def _handle_delete(self, ds: DaemonSet) -> None:
        self.expectations.forget(ds.key)
        self.enqueue(ds)

    def _enqueue_all(self) -> None:
        for ds in self._sets.list():
            self.enqueue(ds)

    def _handle_node_update(self, old: Node, new: Node) -> None:
        if old.metadata.labels != new.metadata.labels or old.spec.taints != new.spec.taints:
            self._enqueue_all()

    def _resolve(self, namespace: str, owner: OwnerReference | None) -> DaemonSet | None:
        if owner is None or owner.kind != KIND:
            return None
        ds = self._sets.get(namespace, owner.name)
        return ds if ds is not None and ds.metadata.uid == owner.uid else None

    def _handle_child_change(self, child: Object) -> None:
        """Sync the owner of a pod or revision that changed, or every set that may adopt it."""
        owner, namespace = child.metadata.controller(), child.metadata.namespace
        if owner is not None:
            if (ds := self._resolve(namespace, owner)) is not None:
                self.enqueue(ds)
            return
        for ds in self._selecting.find(namespace, child.metadata.labels):
            if parse_selector(ds.spec.selector).matches(child.metadata.labels):
                self.enqueue(ds)

    def _handle_pod_add(self, pod: Pod) -> None:
        if pod.metadata.deletion_timestamp:
            self._handle_pod_delete(pod)
            return
        if (ds := self._resolve(pod.metadata.namespace, pod.metadata.controller())) is not None:
            self.expectations.observe_creation(ds.key)
        self._handle_child_change(pod)

    def _handle_pod_update(self, old: Pod, new: Pod) -> None:
        if new.metadata.deletion_timestamp:
            # Count the deletion now: the kubelet may need long to end the pod.
            self._handle_pod_delete(new)
        was, now = old.metadata.controller(), new.metadata.controller()
        if was != now and (ds := self._resolve(old.metadata.namespace, was)) is not None:
            self.enqueue(ds)
        if now is not None or was is not None or old.metadata.labels != new.metadata.labels:
            self._handle_child_change(new)

    def _handle_pod_delete(self, pod: Pod) -> None:
        if (ds := self._resolve(pod.metadata.namespace, pod.metadata.controller())) is not None:
            self.expectations.observe_deletion(ds.key, pod.metadata.uid)
            self.enqueue(ds)


def _make_template(ds: DaemonSet, digest: str) -> dict[str, Any]:
    """Return the template with the labels that identify it on its pods."""
    metadata = ds.spec.template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), POD_REVISION_LABEL: digest}
    generation = ds.metadata.annotations.get(steps.GENERATION_ANNOTATION)
    if generation is not None:
        labels[steps.GENERATION_LABEL] = generation
    return {**ds.spec.template, "metadata": {**metadata, "labels": labels}}


def _count_pods(state: State) -> dict[str, int]:
    """Return the counters of the status."""
    counts = dict.fromkeys(_COUNTS, 0)
    for node in state.nodes:
        pods = state.pods.get(node.metadata.name)
        if not state.placement.should_run(node)[0]:
            counts["numberMisscheduled"] += bool(pods)
            continue
        counts["desiredNumberScheduled"] += 1
        if pods:
            counts["currentNumberScheduled"] += 1
            counts["numberReady"] += pod_conditions.is_ready(pods[0])
            counts["numberAvailable"] += state.is_available(pods[0])
            counts["updatedNumberScheduled"] += state.is_updated(pods[0])
    counts["numberUnavailable"] = counts["desiredNumberScheduled"] - counts["numberAvailable"]
    return counts


_COUNTS: Final = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)


def _is_namespace_terminating(error: BaseException) -> bool:
    return isinstance(error, ApiError) and error.is_namespace_terminating
