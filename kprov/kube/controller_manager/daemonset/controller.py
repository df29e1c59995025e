"""The daemon set controller (pkg/controller/daemon)."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from kprov.kube.api.apps import ControllerRevision, DaemonSet
from kprov.kube.api.core import Node, Pod, PodSpec
from kprov.kube.api.decoding import convert
from kprov.kube.client import ApiError, reference
from kprov.kube.client.store import split_key
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.context import Context, Controller
from kprov.kube.controller_manager.daemonset import placement
from kprov.kube.controller_manager.deployment import template
from kprov.kube.controller_manager.deployment.rolling import scaled_value
from kprov.kube.controller_manager.expectations import Expectations
from kprov.kube.controller_manager.ownership import (
    Claims,
    controller_reference,
    owner_or_orphan_index,
    selector_of,
)
from kprov.kube.controller_manager.pod_control import PodControl

API_VERSION: Final = "apps/v1"
KIND: Final = "DaemonSet"
HASH_LABEL: Final = "controller-revision-hash"
_BURST: Final = 250


class DaemonSetController(Controller):
    """Compares where pods should be with where they are, node by node."""

    name = "daemonset"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.expectations = Expectations()
        self._recorder = context.recorder("daemonset-controller")
        self._pod_control = PodControl(context.client, self._recorder)
        self._sets = context.informers.informer("apps", "v1", "daemonsets", DaemonSet)
        self._revisions = context.informers.informer(
            "apps", "v1", "controllerrevisions", ControllerRevision, indexers={"owner": owner_or_orphan_index}
        )
        self._nodes = context.informers.informer("", "v1", "nodes", Node)
        self._pods = context.informers.informer(
            "", "v1", "pods", Pod, indexers={"owner": owner_or_orphan_index}
        )
        self._sets.add_handler(
            on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new), on_delete=self.enqueue
        )
        self._nodes.add_handler(
            on_add=lambda _: self._all(), on_update=self._node_updated, on_delete=lambda _: self._all()
        )
        self._pods.add_handler(
            on_add=self._pod_added,
            on_update=lambda _, new: self._pod_updated(new),
            on_delete=self._pod_deleted,
        )

    async def sync(self, key: str) -> None:
        ds = self._sets.get(*split_key(key))
        if ds is None:
            self.expectations.forget(key)
            return
        if ds.metadata.deletion_timestamp:
            return
        digest = await self._current_revision(ds)
        pods = await self._claim(ds)
        if self.expectations.satisfied(key):
            await self._manage(key, ds, pods, digest)
        await self._update_status(key, ds, pods, digest)

    async def _manage(self, key: str, ds: DaemonSet, pods: Sequence[Pod], digest: str) -> None:
        spec = _pod_spec(ds)
        by_node: dict[str, list[Pod]] = defaultdict(list)
        for pod in pods:
            by_node[placement.target_node(pod)].append(pod)
        create: list[str] = []
        delete: list[Pod] = []
        for node in self._nodes.list():
            here = by_node.pop(node.metadata.name, [])
            enters, stays = placement.should_run(spec, node)
            ended = [pod for pod in here if pod_conditions.is_terminal(pod)]
            alive = [pod for pod in here if pod not in ended and not pod.metadata.deletion_timestamp]
            delete += [pod for pod in ended if not pod.metadata.deletion_timestamp]
            if not stays:
                delete += alive
            elif enters and not here:
                create.append(node.metadata.name)
            else:
                alive.sort(key=lambda pod: (pod.metadata.creation_timestamp or "", pod.metadata.name))
                delete += alive[1:]
        delete += [pod for group in by_node.values() for pod in group if not pod.metadata.deletion_timestamp]
        if not create and not delete:
            delete = self._outdated(ds, pods, digest)
        await self._write(key, ds, create[:_BURST], delete[:_BURST], digest)

    def _outdated(self, ds: DaemonSet, pods: Sequence[Pod], digest: str) -> list[Pod]:
        """Pods of older templates that may go now: those that do not work, and as many as may be missing."""
        if ds.spec.update_strategy.type == "OnDelete":
            return []
        now = time.time()
        rolling = ds.spec.update_strategy.rolling_update
        wanted = sum(placement.should_run(_pod_spec(ds), node)[0] for node in self._nodes.list())
        limit = max(1, scaled_value(rolling.max_unavailable if rolling else 1, wanted, up=True))
        alive = [pod for pod in pods if not pod.metadata.deletion_timestamp]
        works = {
            pod.metadata.uid
            for pod in alive
            if pod_conditions.is_available(pod, ds.spec.min_ready_seconds, now)
        }
        old = [pod for pod in alive if pod.metadata.labels.get(HASH_LABEL) != digest]
        broken = [pod for pod in old if pod.metadata.uid not in works]
        spare = limit - (wanted - len(works))
        return broken + [pod for pod in old if pod.metadata.uid in works][: max(0, spare)]

    async def _write(
        self, key: str, ds: DaemonSet, create: Sequence[str], delete: Sequence[Pod], digest: str
    ) -> None:
        owner, mark = reference(ds, API_VERSION, KIND), controller_reference(ds, API_VERSION, KIND)
        metadata = ds.spec.template.get("metadata") or {}
        labels = {**(metadata.get("labels") or {}), HASH_LABEL: digest}
        pods = {**ds.spec.template, "metadata": {**metadata, "labels": labels}}
        namespace = ds.metadata.namespace
        if create:
            self.expectations.expect_creations(key, len(create))
            results = await asyncio.gather(
                *(
                    self._pod_control.create(
                        namespace, pods, owner, mark, changes=placement.pinned(ds.spec.template, name)
                    )
                    for name in create
                ),
                return_exceptions=True,
            )
            errors = [each for each in results if isinstance(each, BaseException)]
            self.expectations.creation_observed(key, len(errors))
            if errors:
                raise errors[0]
        for pod in delete:
            try:
                await self._pod_control.delete(pod, owner)
            except ApiError as error:
                if not error.is_not_found:
                    raise

    async def _current_revision(self, ds: DaemonSet) -> str:
        """The hash of the template; its ControllerRevision is made, or numbered as the newest again."""
        digest = template.compute_hash(ds.spec.template, ds.status.collision_count)
        name = f"{ds.metadata.name}-{digest}"
        history = self._revisions.by_index("owner", ds.metadata.uid)
        newest = max((each.revision for each in history), default=0)
        known = next((each for each in history if each.metadata.name == name), None)
        if known is None:
            labels = {**((ds.spec.template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: digest}
            body = {
                "apiVersion": API_VERSION,
                "kind": "ControllerRevision",
                "metadata": {
                    "name": name,
                    "labels": labels,
                    "ownerReferences": [controller_reference(ds, API_VERSION, KIND)],
                },
                "data": {"spec": {"template": {**ds.spec.template, "$patch": "replace"}}},
                "revision": newest + 1,
            }
            try:
                await self._revisions.resource.create(body, namespace=ds.metadata.namespace)
            except ApiError as error:
                if not error.is_already_exists:
                    raise
        elif known.revision < newest:
            await self._revisions.resource.patch(
                name, {"revision": newest + 1}, namespace=ds.metadata.namespace
            )
        await self._trim_history(ds, history, name)
        return digest

    async def _trim_history(self, ds: DaemonSet, history: Sequence[ControllerRevision], current: str) -> None:
        limit = ds.spec.revision_history_limit
        if limit is None:
            return
        used = {pod.metadata.labels.get(HASH_LABEL) for pod in self._pods.by_index("owner", ds.metadata.uid)}
        old = [
            each
            for each in sorted(history, key=lambda each: each.revision)
            if each.metadata.name != current and each.metadata.labels.get(HASH_LABEL) not in used
        ]
        for each in old[: max(0, len(old) - limit)]:
            try:
                await self._revisions.resource.delete(each.metadata.name, namespace=ds.metadata.namespace)
            except ApiError as error:
                if not error.is_not_found:
                    raise

    async def _update_status(self, key: str, ds: DaemonSet, pods: Sequence[Pod], digest: str) -> None:
        now, spec = time.time(), _pod_spec(ds)
        by_node = {placement.target_node(pod): pod for pod in pods if not pod.metadata.deletion_timestamp}
        counts = dict.fromkeys(_COUNTS, 0)
        for node in self._nodes.list():
            pod = by_node.get(node.metadata.name)
            if not placement.should_run(spec, node)[0]:
                counts["numberMisscheduled"] += pod is not None
                continue
            counts["desiredNumberScheduled"] += 1
            if pod is not None:
                counts["currentNumberScheduled"] += 1
                counts["numberReady"] += pod_conditions.is_ready(pod)
                counts["numberAvailable"] += pod_conditions.is_available(pod, ds.spec.min_ready_seconds, now)
                counts["updatedNumberScheduled"] += pod.metadata.labels.get(HASH_LABEL) == digest
        counts["numberUnavailable"] = counts["desiredNumberScheduled"] - counts["numberAvailable"]
        counts["observedGeneration"] = ds.metadata.generation
        known = msgspec.to_builtins(ds.status)
        if any(known.get(field, 0) != value for field, value in counts.items()):
            await self._sets.resource.patch(
                ds.metadata.name, {"status": counts}, namespace=ds.metadata.namespace, subresource="status"
            )
        if ds.spec.min_ready_seconds and counts["numberReady"] != counts["numberAvailable"]:
            self.queue.add_after(key, ds.spec.min_ready_seconds)

    async def _claim(self, ds: DaemonSet) -> list[Pod]:
        claims = Claims(
            ds,
            api_version=API_VERSION,
            kind=KIND,
            selector=selector_of(ds.spec.selector),
            children=self._pods.resource,
            still_there=lambda: self._still_there(ds),
        )
        orphans = self._pods.by_index("owner", f"orphan/{ds.metadata.namespace}")
        return await claims.claim(self._pods.by_index("owner", ds.metadata.uid) + orphans)

    async def _still_there(self, ds: DaemonSet) -> bool:
        try:
            fresh = await self._sets.resource.get(ds.metadata.name, namespace=ds.metadata.namespace)
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return fresh.metadata.uid == ds.metadata.uid and not fresh.metadata.deletion_timestamp

    def _all(self) -> None:
        for ds in self._sets.list():
            self.enqueue(ds)

    def _node_updated(self, old: Node, new: Node) -> None:
        if old.metadata.labels != new.metadata.labels or old.spec.taints != new.spec.taints:
            self._all()

    def _owner(self, pod: Pod) -> DaemonSet | None:
        owner = pod.metadata.controller()
        if owner is None or owner.kind != KIND:
            return None
        ds = self._sets.get(pod.metadata.namespace, owner.name)
        return ds if ds is not None and ds.metadata.uid == owner.uid else None

    def _pod_added(self, pod: Pod) -> None:
        if (ds := self._owner(pod)) is not None:
            self.expectations.creation_observed(ds.key)
            self.enqueue(ds)

    def _pod_updated(self, pod: Pod) -> None:
        if (ds := self._owner(pod)) is not None:
            self.enqueue(ds)

    def _pod_deleted(self, pod: Pod) -> None:
        self._pod_updated(pod)


_COUNTS: Final = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)


def _pod_spec(ds: DaemonSet) -> PodSpec:
    document: dict[str, Any] = ds.spec.template.get("spec") or {}
    return convert(document, PodSpec)
