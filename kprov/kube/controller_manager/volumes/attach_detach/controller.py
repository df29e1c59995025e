"""Attaches and detaches volumes (pkg/controller/volume/attachdetach).

VolumeAttachment objects ask the CSI drivers to attach and detach, and say what they did. A node's status has
the volumes that its kubelet may mount (volumesAttached), and those that it has mounted (volumesInUse).
"""

import asyncio
import logging
from typing import Final

from kprov.kube.api.core import Node, PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.api.storage import CSIDriver, VolumeAttachment
from kprov.kube.client import ApiError, reference
from kprov.kube.component_helpers.persistent_volumes import get_claim_reference
from kprov.kube.component_helpers.pod_claims import CLAIM_INDEX, index_by_claim
from kprov.kube.controller_manager.framework.controller import Context, Controller, run_periodically
from kprov.kube.controller_manager.volumes.attach_detach import messages
from kprov.kube.controller_manager.volumes.attach_detach.attachable import AttachableVolume, VolumeLookup
from kprov.kube.controller_manager.volumes.attach_detach.attaching import WaitingVolumes
from kprov.kube.controller_manager.volumes.attach_detach.attachments import Attachments
from kprov.kube.controller_manager.volumes.attach_detach.desired import (
    DesiredVolume,
    collect_desired,
    has_ended,
    may_need_attaching,
)
from kprov.kube.controller_manager.volumes.attach_detach.detaching import (
    DetachDecision,
    DetachTimers,
    is_ready,
)
from kprov.kube.controller_manager.volumes.attach_detach.metrics import FORCED_DETACHES, VolumeCounts
from kprov.kube.controller_manager.volumes.attach_detach.node_status import AttachedReporter

log = logging.getLogger(__name__)

#: The kubelet leaves the attaching to this controller.
_MANAGED: Final = "volumes.kubernetes.io/controller-managed-attach-detach"
_NODE_INDEX: Final = "node"
_ATTACHED_INDEX: Final = "attached-volume"


class AttachDetachController(Controller):
    """Keys are names of nodes."""

    name = "attach_detach"
    queue_name = "pvcs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._nodes = informers.informer(
            "",
            "v1",
            "nodes",
            Node,
            indexers={
                _ATTACHED_INDEX: lambda node: [
                    attached_volume.name for attached_volume in node.status.volumes_attached
                ]
            },
        )
        self._pods = informers.informer(
            "",
            "v1",
            "pods",
            Pod,
            indexers={_NODE_INDEX: lambda pod: [pod.spec.node_name], CLAIM_INDEX: index_by_claim},
        )
        self._claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._volumes = informers.informer("", "v1", "persistentvolumes", PersistentVolume)
        self._drivers = informers.informer("storage.k8s.io", "v1", "csidrivers", CSIDriver)
        self._attachments = Attachments(context.client, informers, self._find_volume)
        self._lookup = VolumeLookup(self._claims.get, self._find_volume, self._attaches)
        self._recorder = context.make_recorder("attachdetach-controller")
        self._reporter = AttachedReporter(self.resource_of(self._nodes))
        self._timers = DetachTimers(force_on_timeout=not context.options.disable_force_detach_on_timeout)
        self._counts = VolumeCounts()
        self._waiting: dict[str, WaitingVolumes] = {}
        # Exclusive volumes by name: the node they are about to be attached to.
        self._reserved: dict[str, str] = {}
        # Nodes that wait until another node gives a volume back.
        self._refused: set[str] = set()
        self._add_handlers()

    def _add_handlers(self) -> None:
        self._nodes.add_handler(
            on_add=self.enqueue, on_update=self._handle_node_update, on_delete=self._handle_deleted_node
        )
        self._pods.add_handler(
            on_add=self._handle_pod, on_update=self._handle_pod_update, on_delete=self._handle_pod
        )
        self._claims.add_handler(on_add=self._handle_claim, on_update=lambda _, new: self._handle_claim(new))
        self._volumes.add_handler(
            on_add=self._handle_volume, on_update=lambda _, new: self._handle_volume(new)
        )
        self._attachments.informer.add_handler(
            on_add=self._handle_attachment,
            on_update=lambda _, new: self._handle_attachment(new),
            on_delete=self._handle_deleted_attachment,
        )
        self._drivers.add_handler(
            on_add=lambda _: self._enqueue_all(),
            on_update=lambda *_: self._enqueue_all(),
            on_delete=lambda _: self._enqueue_all(),
        )

    async def run(self) -> None:
        options = self.context.options
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            if not options.disable_attach_detach_reconcile_sync:
                period = options.attach_detach_reconcile_sync_period
                group.create_task(run_periodically(period, self._resync, self.name))

    async def sync(self, key: str) -> None:
        node = self._nodes.get("", key)
        if node is not None and not _is_managed(node):
            return
        desired = collect_desired(self._pods.by_index(_NODE_INDEX, key), self._lookup) if node else {}
        attachments = self._attachments.list_for_node(key, node)
        self._clean_memory(key, node, desired, attachments)
        attached = {
            name: desired_volume.volume
            for name, desired_volume in desired.items()
            if self._is_attached(key, desired_volume.volume, attachments.get(name))
        }
        self._counts.set(
            key,
            desired=[desired_volume.volume for desired_volume in desired.values()],
            attached=list(attached.values()),
        )
        decisions = {
            name: self._timers.decide(key, node, name)
            for name in {*attachments, *_list_shown(node)} - desired.keys()
        }
        if node is not None:
            kept = [
                name
                for name, detach_decision in decisions.items()
                if self._is_kept(detach_decision, attachments.get(name))
            ]
            for name in await self._reporter.report(node, [*attached, *kept]):
                self._report_success(desired.get(name))
        for name, decision in decisions.items():
            await self._detach(key, name, decision, attachments.get(name))
        for name in desired.keys() - attached.keys():
            await self._attach(key, desired[name], attachments.get(name))

    def _is_attached(self, node: str, volume: AttachableVolume, attachment: VolumeAttachment | None) -> bool:
        """Whether the node may mount the volume. Without a driver, it may if no other node has it."""
        if volume.driver:
            return self._attachments.is_attached(attachment)
        if self._list_holders(volume) - {node}:
            return False
        self._reserve(volume, node)
        return True

    def _is_kept(self, decision: DetachDecision, attachment: VolumeAttachment | None) -> bool:
        """Whether a volume that no pod needs stays in the node's status."""
        return not decision.may_detach and (attachment is None or self._attachments.is_attached(attachment))

    async def _attach(self, node: str, desired: DesiredVolume, attachment: VolumeAttachment | None) -> None:
        volume = desired.volume
        holders = self._list_holders(volume) - {node}
        if attachment is None and holders:
            self._refuse(node, desired, holders)
        elif attachment is None:
            self._reserve(volume, node)
            await self._create_attachment(node, desired)
        elif not self._attachments.is_deleted(attachment):
            problem, seconds = self._get_waiting(node).check(volume, attachment)
            self.queue.add_after(node, seconds)
            if problem:
                self._warn(desired.pods, problem)

    async def _create_attachment(self, node: str, desired: DesiredVolume) -> None:
        try:
            await self._attachments.create(desired.volume, node)
        except ApiError as error:
            self._reserved.pop(desired.volume.name, None)
            self._warn(desired.pods, messages.describe_failure(desired.volume, str(error)))
            raise

    async def _detach(
        self, node: str, name: str, decision: DetachDecision, attachment: VolumeAttachment | None
    ) -> None:
        if not decision.may_detach:
            if decision.seconds_left is not None:
                self.queue.add_after(node, decision.seconds_left)
            return
        if attachment is None or self._attachments.is_deleted(attachment):
            if attachment is not None and (error := attachment.status.detach_error) is not None:
                log.warning("detaching %s from %s: %s", name, node, error.message)
            return
        if decision.forced:
            FORCED_DETACHES.labels(decision.forced).inc()
            log.warning("detaching %s from %s by force: %s", name, node, decision.forced)
        elif await self._is_in_use(node, name):
            return
        await self._attachments.delete(attachment)

    async def _is_in_use(self, node: str, volume: str) -> bool:
        """Ask the server: the kubelet may have mounted the volume before it saw the new status."""
        try:
            live = await self.resource_of(self._nodes).get(node)
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return volume in live.status.volumes_in_use

    def _list_holders(self, volume: AttachableVolume) -> set[str]:
        """Return the nodes that keep others from attaching the volume."""
        if not volume.is_exclusive:
            return set()
        nodes = {node.metadata.name for node in self._nodes.by_index(_ATTACHED_INDEX, volume.name)}
        if volume.driver:
            nodes |= self._attachments.list_nodes(volume)
        if (reserved := self._reserved.get(volume.name)) is not None:
            nodes.add(reserved)
        return nodes

    def _reserve(self, volume: AttachableVolume, node: str) -> None:
        """Until the informer shows the attachment, no other node may attach an exclusive volume."""
        if volume.is_exclusive:
            self._reserved[volume.name] = node

    def _clean_memory(
        self,
        key: str,
        node: Node | None,
        desired: dict[str, DesiredVolume],
        attachments: dict[str, VolumeAttachment],
    ) -> None:
        shown = _list_shown(node)
        self._reserved = {
            name: holder
            for name, holder in self._reserved.items()
            if holder != key or (name in desired and name not in attachments and name not in shown)
        }
        self._refused.discard(key)
        self._timers.keep(key, {*attachments, *shown} - desired.keys())
        self._get_waiting(key).keep(desired)
        if not desired:
            self._waiting.pop(key, None)

    def _get_waiting(self, node: str) -> WaitingVolumes:
        return self._waiting.setdefault(node, WaitingVolumes())

    def _refuse(self, node: str, desired: DesiredVolume, holders: set[str]) -> None:
        """Say once which pods have the volume. Its detaching brings the node back."""
        self._refused.add(node)
        if not self._get_waiting(node).is_new_problem(desired.volume.name, "multi-attach"):
            return
        others = [pod for holder in sorted(holders) for pod in self._list_users(holder, desired.volume)]
        for pod in desired.pods:
            self._warn([pod], messages.describe_multi_attach(desired.volume, pod, others))

    def _list_users(self, node: str, volume: AttachableVolume) -> list[Pod]:
        desired_volume = collect_desired(self._pods.by_index(_NODE_INDEX, node), self._lookup).get(
            volume.name
        )
        return desired_volume.pods if desired_volume is not None else []

    def _report_success(self, desired: DesiredVolume | None) -> None:
        if desired is None:
            return
        text = messages.describe_success(desired.volume)
        for pod in desired.pods:
            about = reference(pod, "v1", "Pod")
            self._recorder.event(about, "Normal", "SuccessfulAttachVolume", text)

    def _warn(self, pods: list[Pod], text: str) -> None:
        for pod in pods:
            self._recorder.event(reference(pod, "v1", "Pod"), "Warning", "FailedAttachVolume", text)

    def _find_volume(self, name: str) -> PersistentVolume | None:
        return self._volumes.get("", name)

    def _attaches(self, driver: str) -> bool:
        """Volumes of drivers without a CSIDriver object are attached."""
        csi_driver = self._drivers.get("", driver)
        return csi_driver is None or csi_driver.spec.attach_required is not False

    async def _resync(self) -> None:
        self._enqueue_all()

    def _enqueue_all(self) -> None:
        for name in {node.metadata.name for node in self._nodes.list()}:
            self.queue.add(name)
        for attachment in self._attachments.informer.list():
            self.queue.add(attachment.spec.node_name)

    def _enqueue_refused(self) -> None:
        for node in self._refused:
            self.queue.add(node)

    def _handle_node_update(self, old: Node, new: Node) -> None:
        if _get_relevant(old) != _get_relevant(new):
            self.enqueue(new)
        if old.status.volumes_attached != new.status.volumes_attached:
            self._enqueue_refused()

    def _handle_deleted_node(self, node: Node) -> None:
        self._reporter.forget(node.metadata.name)
        self.enqueue(node)
        self._enqueue_refused()

    def _handle_pod(self, pod: Pod) -> None:
        if pod.spec.node_name and may_need_attaching(pod):
            self.queue.add(pod.spec.node_name)

    def _handle_pod_update(self, old: Pod, new: Pod) -> None:
        if old.spec.node_name != new.spec.node_name or has_ended(old) != has_ended(new):
            self._handle_pod(new)

    def _handle_claim(self, claim: PersistentVolumeClaim) -> None:
        for pod in self._pods.by_index(CLAIM_INDEX, claim.key):
            self._handle_pod(pod)

    def _handle_volume(self, volume: PersistentVolume) -> None:
        if target := get_claim_reference(volume):
            claim = f"{target.get('namespace')}/{target.get('name')}"
            for pod in self._pods.by_index(CLAIM_INDEX, claim):
                self._handle_pod(pod)

    def _handle_attachment(self, attachment: VolumeAttachment) -> None:
        self.queue.add(attachment.spec.node_name)

    def _handle_deleted_attachment(self, attachment: VolumeAttachment) -> None:
        self._handle_attachment(attachment)
        self._enqueue_refused()


def _list_shown(node: Node | None) -> set[str]:
    return (
        {attached_volume.name for attached_volume in node.status.volumes_attached}
        if node is not None
        else set()
    )


def _get_relevant(node: Node) -> tuple[object, ...]:
    """Return what of a node decides about its volumes. Heartbeats change none of it."""
    status = node.status
    return status.volumes_attached, status.volumes_in_use, node.spec.taints, is_ready(node), _is_managed(node)


def _is_managed(node: Node) -> bool:
    return _MANAGED in node.metadata.annotations
