"""Events about pods whose SELinux labels or policies of a shared volume differ (volume/selinuxwarning).

A volume that is mounted with a label can have only one label on a node. The controller assumes that the nodes
use SELinux: it is off until it is named.
"""

from typing import Final

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.api.storage import CSIDriver
from kprov.kube.client import reference
from kprov.kube.client.store import split_key
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.component_helpers.persistent_volumes import get_claim_reference
from kprov.kube.component_helpers.pod_claims import CLAIM_INDEX, index_by_claim
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.volumes.attach_detach.attachable import (
    AttachableVolume,
    VolumeLookup,
    find_attachable,
)
from kprov.kube.controller_manager.volumes.selinux_warning.conflicts import (
    RECURSIVE,
    Conflict,
    VolumeUse,
    VolumeUsers,
)
from kprov.kube.controller_manager.volumes.selinux_warning.labels import collect_labels
from kprov.kube.machinery.json_object import JsonObject

_MOUNT_OPTION: Final = "MountOption"


class SELinuxWarningController(Controller):
    """Keys are pods."""

    name = "selinux_warning"
    # The conflicts of a volume are computed by one worker.
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._pods = informers.informer("", "v1", "pods", Pod, indexers={CLAIM_INDEX: index_by_claim})
        self._claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._volumes = informers.informer("", "v1", "persistentvolumes", PersistentVolume)
        self._drivers = informers.informer("storage.k8s.io", "v1", "csidrivers", CSIDriver)
        self._recorder = context.make_recorder("selinux_warning")
        self._users = VolumeUsers()
        self._lookup = VolumeLookup(
            self._claims.get, lambda name: self._volumes.get("", name), lambda _: True
        )
        self._pods.add_handler(on_add=self.enqueue, on_update=self._handle_pod_update, on_delete=self.enqueue)
        self._claims.add_handler(on_add=self._handle_claim, on_update=lambda _, new: self._handle_claim(new))
        self._volumes.add_handler(
            on_add=self._handle_volume, on_update=lambda _, new: self._handle_volume(new)
        )
        self._drivers.add_handler(
            on_add=self._handle_driver,
            on_update=lambda _, new: self._handle_driver(new),
            on_delete=self._handle_driver,
        )

    async def sync(self, key: str) -> None:
        pod = self._pods.get(*split_key(key))
        if pod is None or pod_conditions.is_terminal(pod):
            self._users.remove(key)
            return
        labels = collect_labels(pod)
        for volume in pod.spec.volumes:
            if volume["name"] in labels:
                self._sync_volume(pod, volume, labels[volume["name"]])

    def _sync_volume(self, pod: Pod, volume: JsonObject, labels: set[str]) -> None:
        if len(labels) > 1:
            text = f'Volume "{volume["name"]}" is mounted twice with different SELinux labels inside this pod'
            about = reference(pod, "v1", "Pod")
            self._recorder.event(about, "Warning", "MultipleSELinuxLabels", text)
            return
        # Other plugins mount no volume with a label.
        attachable = find_attachable(pod, volume, self._lookup)
        if attachable is not None:
            use = self._make_use(pod, attachable, next(iter(labels), ""))
            for conflict in self._users.add(attachable.name, pod.key, use):
                self._report(conflict)

    def _make_use(self, pod: Pod, volume: AttachableVolume, label: str) -> VolumeUse:
        policy = (pod.spec.security_context or {}).get("seLinuxChangePolicy") or _MOUNT_OPTION
        if policy == RECURSIVE or not self._mounts_with_label(volume):
            return VolumeUse("", RECURSIVE)
        return VolumeUse(label, policy if label else RECURSIVE)

    def _mounts_with_label(self, volume: AttachableVolume) -> bool:
        if not volume.driver:
            return True
        driver = self._drivers.get("", volume.driver)
        return driver is not None and driver.spec.se_linux_mount is True

    def _report(self, conflict: Conflict) -> None:
        pod = self._pods.get(*split_key(conflict.pod))
        if pod is not None:
            about = reference(pod, "v1", "Pod")
            self._recorder.event(about, "Normal", conflict.reason, conflict.message)

    def _handle_pod_update(self, old: Pod, new: Pod) -> None:
        if old.metadata.uid != new.metadata.uid or (
            pod_conditions.is_terminal(new) and not pod_conditions.is_terminal(old)
        ):
            self.enqueue(new)

    def _handle_claim(self, claim: PersistentVolumeClaim) -> None:
        for pod in self._pods.by_index(CLAIM_INDEX, claim.key):
            self.enqueue(pod)

    def _handle_volume(self, volume: PersistentVolume) -> None:
        if target := get_claim_reference(volume):
            claim = f"{target.get('namespace')}/{target.get('name')}"
            for pod in self._pods.by_index(CLAIM_INDEX, claim):
                self.enqueue(pod)

    def _handle_driver(self, driver: CSIDriver) -> None:
        for volume in self._volumes.list():
            if (volume.spec.get("csi") or {}).get("driver") == driver.metadata.name:
                self._handle_volume(volume)
