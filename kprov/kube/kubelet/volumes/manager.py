"""Mounts the volumes of pods below /var/lib/kubelet/pods/UID/volumes and unmounts them (volumemanager)."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.component_helpers.directory import Directory
from kprov.kube.component_helpers.tree_removal import get_mount_id, remove_entry
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.expansion import expand
from kprov.kube.kubelet.pods.field_path import NodeFields
from kprov.kube.kubelet.volumes import atomic_writer, claims, host_path, local, mount, read_only, subpath
from kprov.kube.kubelet.volumes.claims import BoundVolume, ClaimedVolumes
from kprov.kube.kubelet.volumes.ownership import Ownership
from kprov.kube.kubelet.volumes.sources import VolumeSources, make_files
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

log = logging.getLogger(__name__)

_PLUGINS: Final = {
    "emptyDir": "kubernetes.io~empty-dir",
    "configMap": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "downwardAPI": "kubernetes.io~downward-api",
    "projected": "kubernetes.io~projected",
}
#: Mounted by the runtime, from an image that is pulled when a container starts.
_IMAGE: Final = "image"
#: Volumes with the API's content or an image's. Only the kubelet writes to them (CVE-2017-1002102).
_READ_ONLY: Final = frozenset({"configMap", "secret", "downwardAPI", "projected", _IMAGE})
#: A tmpfs, as upstream: secrets and tokens do not reach the disk.
_IN_MEMORY: Final = frozenset({"secret", "projected"})
_LOCAL_PLUGIN: Final = "kubernetes.io~local-volume"
_PROPAGATION: Final = {
    None: pb.PROPAGATION_PRIVATE,
    "None": pb.PROPAGATION_PRIVATE,
    "HostToContainer": pb.PROPAGATION_HOST_TO_CONTAINER,
    "Bidirectional": pb.PROPAGATION_BIDIRECTIONAL,
}


class VolumeManager:
    """`warn` sends an event of the pod: (pod, reason, text)."""

    def __init__(
        self,
        root: str,
        sources: VolumeSources,
        claimed: ClaimedVolumes,
        warn: Callable[[Pod, str, str], None],
    ) -> None:
        self._root = Path(root)
        self._sources = sources
        self._claimed = claimed
        self._warn = warn

    def get_pod_folder(self, uid: PodUID) -> Path:
        return self._root / "pods" / uid

    def open_pod_folder(self, uid: PodUID) -> Directory:
        """Open the pod's folder, and create it if it does not exist."""
        return open_pod_folder(self._root, uid)

    async def mount_volumes(self, pod: Pod, fields: NodeFields) -> None:
        """Mount all volumes of the pod and update their contents. Raises VolumeError naming the volume."""
        self.open_pod_folder(pod.uid).close()
        bound = await self._read_claimed_volumes(pod)
        for volume in pod.spec.volumes:
            name = volume["name"]
            try:
                if not claims.is_claimed(volume):
                    await self._mount_volume(pod, volume, fields)
                elif name in bound:
                    name = bound[name].name
                    await self._mount_claimed_volume(pod, bound[volume["name"]])
            except (VolumeError, OSError, ValueError) as error:
                raise VolumeError(f'MountVolume.SetUp failed for volume "{name}" : {error}') from error

    async def _read_claimed_volumes(self, pod: Pod) -> dict[str, BoundVolume]:
        """Return the persistent volumes of the pod's claims that containers use.

        Raises VolumeError naming all.
        """
        bound_volumes: dict[str, BoundVolume] = {}
        problems: dict[str, str] = {}
        for volume in pod.spec.volumes:
            name = volume["name"]
            if claims.is_claimed(volume) and claims.is_used(pod, name):
                try:
                    bound_volumes[name] = await self._claimed.read_volume(pod, volume)
                except VolumeError as error:
                    problems[name] = str(error)
        if problems:
            names = f"[{' '.join(sorted(problems))}]"
            raise VolumeError(
                f"Unable to attach or mount volumes: unmounted volumes={names}, unattached volumes=[], "
                f"failed to process volumes={names}: {'; '.join(problems.values())}"
            )
        return bound_volumes

    async def _mount_claimed_volume(self, pod: Pod, volume: BoundVolume) -> None:
        if volume.is_block:
            await asyncio.to_thread(local.check_device, volume)
        elif volume.kind == claims.HOST_PATH:
            await asyncio.to_thread(host_path.check_type, volume.source)
        else:
            warning = await asyncio.to_thread(self._mount_local_volume, pod, volume)
            if warning:
                self._warn(pod, "AlreadyMountedVolume", warning)

    def _mount_local_volume(self, pod: Pod, volume: BoundVolume) -> str:
        with self.open_pod_folder(pod.uid) as folder:
            return local.mount_volume(
                volume,
                folder,
                _get_local_path(volume),
                pods_folder=self._root / "pods",
                ownership=Ownership.from_pod(pod),
            )

    async def _mount_volume(self, pod: Pod, volume: JsonObject, fields: NodeFields) -> None:
        group = (pod.spec.security_context or {}).get("fsGroup")
        kind = _get_kind(volume)
        if kind == "hostPath":
            await asyncio.to_thread(host_path.check_type, volume["hostPath"])
        elif kind == "emptyDir":
            await asyncio.to_thread(self._make_empty_dir, pod, volume, group)
        elif kind in _PLUGINS:
            files = await make_files(pod, volume, self._sources, fields)
            await asyncio.to_thread(self._write_files, pod, volume, files, group)
        elif kind != _IMAGE:
            raise VolumeError(f"volume type {kind} is not supported by this kubelet")

    def _write_files(
        self, pod: Pod, volume: JsonObject, files: Mapping[str, atomic_writer.Projection], group: int | None
    ) -> None:
        kind = _get_kind(volume)
        with self._make_volume_parent(pod, kind) as parent:
            if kind in _IN_MEMORY and os.geteuid() == 0:
                _mount_memory(parent, volume["name"])
            with parent.make_directory(volume["name"], 0o755) as folder:
                # Before anything is written: the folder of an older kubelet was everybody's.
                atomic_writer.set_permissions(folder, group)
                atomic_writer.write(folder, files, group=group)

    def _make_empty_dir(self, pod: Pod, volume: JsonObject, group: int | None) -> None:
        name, source = volume["name"], volume.get("emptyDir") or {}
        medium = source.get("medium")
        if medium and medium != "Memory":
            raise VolumeError(f'emptyDir medium "{medium}" is not supported by this kubelet')
        with self._make_volume_parent(pod, "emptyDir") as parent:
            if medium == "Memory":
                limit = source.get("sizeLimit")
                is_new = _mount_memory(parent, name, f"size={Quantity.parse(limit).value}" if limit else "")
            else:
                is_new = parent.get_status(name) is None
            if is_new:
                with parent.make_directory(name, 0o777) as folder:
                    folder.set_owner(None, group)
                    folder.set_mode(0o777 if group is None else 0o2777)

    def _make_volume_parent(self, pod: Pod, kind: str) -> Directory:
        with self.open_pod_folder(pod.uid) as folder:
            return folder.make_directory(f"volumes/{_PLUGINS[kind]}", 0o755)

    def get_host_path(self, pod: Pod, name: str) -> str:
        """Return the path of a volume on this host.

        Raises VolumeError if the pod has no volume of that name.
        """
        if (bound := self._claimed.get_volume(pod, name)) is not None:
            if bound.kind == claims.HOST_PATH or bound.is_block:
                return str(bound.source["path"])
            return str(self.get_pod_folder(pod.uid) / _get_local_path(bound))
        for volume in pod.spec.volumes:
            if volume["name"] == name:
                if (kind := _get_kind(volume)) == "hostPath":
                    return str(volume["hostPath"]["path"])
                return str(self.get_pod_folder(pod.uid) / "volumes" / _PLUGINS[kind] / name)
        raise VolumeError(f'volume "{name}" is not in the pod')

    def make_mounts(
        self,
        pod: Pod,
        container: Container,
        env: Mapping[str, str],
        *,
        images: Mapping[str, pb.ImageSpec],
        supports_recursive: bool,
    ) -> list[pb.Mount]:
        """Return the container's volumeMounts. Creates and mounts their subPaths. Raises VolumeError.

        `images`: of the volumes that are images. `supports_recursive`: the runtime's handler makes recursive
        read-only mounts.
        """
        result = []
        for index, entry in enumerate(container.volume_mounts):
            is_recursive = read_only.resolve_recursive(entry, supported=supports_recursive)
            sub_path = expand(entry.sub_path_expr, env) if entry.sub_path_expr else entry.sub_path
            _check_sub_path(sub_path)
            image, target = images.get(entry.name), entry.mount_path
            made = pb.Mount(
                container_path=target if target.startswith("/") else f"/{target}",
                image=image,
                image_sub_path=sub_path if image is not None else "",
                readonly=entry.read_only or self._is_read_only(pod, entry.name),
                recursive_read_only=is_recursive,
                propagation=_PROPAGATION[entry.mount_propagation],
            )
            if image is None:
                made.host_path = self.get_host_path(pod, entry.name)
                if sub_path:
                    made.host_path = self._mount_sub_path(pod, container, index, made.host_path, sub_path)
            result.append(made)
        return result

    def make_devices(self, pod: Pod, container: Container) -> list[pb.Device]:
        """Return the container's volumeDevices. Raises VolumeError."""
        return [
            pb.Device(
                container_path=entry.device_path,
                host_path=self.get_host_path(pod, entry.name),
                permissions="r" if self._is_read_only(pod, entry.name) else "mrw",
            )
            for entry in container.volume_devices
        ]

    def _is_read_only(self, pod: Pod, name: str) -> bool:
        bound = self._claimed.get_volume(pod, name)
        if bound is not None:
            return bound.read_only
        return any(item["name"] == name and _get_kind(item) in _READ_ONLY for item in pod.spec.volumes)

    def _mount_sub_path(self, pod: Pod, container: Container, index: int, source: str, sub_path: str) -> str:
        """Mount the subPath of entry `index` below the pod's folder and return the path of that mount."""
        volume = container.volume_mounts[index].name
        target = f"{subpath.FOLDER}/{volume}/{container.name}/{index}"
        try:
            with self.open_pod_folder(pod.uid) as folder:
                subpath.bind(source, sub_path, folder, target)
        except OSError as error:
            # The event leaves out the cause, as upstream: it may describe files of the host.
            log.warning(
                "%s: container %s, subPath %s: %s",
                pod_queries.format_pod(pod),
                container.name,
                sub_path,
                error,
            )
            raise VolumeError(
                f'failed to prepare subPath for volumeMount "{volume}" of container "{container.name}"'
            ) from error
        return str(self.get_pod_folder(pod.uid) / target)

    async def remove_pod_folder(self, uid: PodUID) -> None:
        """Remove the folder of a pod whose containers are gone. OSError: something is still mounted."""
        await asyncio.to_thread(self._unmount_and_remove, uid, ".")
        self._claimed.forget_pod(uid)

    async def unmount_volumes(self, uid: PodUID) -> None:
        """Remove the volumes of a pod that has ended. Its containers' termination messages stay."""
        await asyncio.to_thread(self._unmount_and_remove, uid, subpath.FOLDER)
        await asyncio.to_thread(self._unmount_and_remove, uid, "volumes")
        self._claimed.forget_pod(uid)

    def _unmount_and_remove(self, uid: PodUID, name: str) -> None:
        """Remove the pod's folder ("."), or an entry of it."""
        path = uid if name == "." else f"{uid}/{name}"
        try:
            pods = Directory.open(self._root / "pods")
        except FileNotFoundError:
            return
        with pods:
            if pods.get_status(path) is None:
                return
            mount.unmount_below(pods, path)
            with pods.open_directory(uid if name != "." else ".") as parent:
                remove_entry(parent, path.rpartition("/")[2], str(self.get_pod_folder(uid)))

    def list_pod_folders(self) -> set[PodUID]:
        """Return the pods that have a folder."""
        folder = self._root / "pods"
        return {PodUID(entry.name) for entry in folder.iterdir()} if folder.is_dir() else set()


def open_pod_folder(root: Path, uid: PodUID) -> Directory:
    """Open the folder of a pod below the kubelet's folder. Create it if it does not exist."""
    (root / "pods").mkdir(parents=True, exist_ok=True, mode=0o750)
    with Directory.open(root / "pods") as pods:
        return pods.make_directory(uid, 0o750)


def _check_sub_path(sub_path: str) -> None:
    if sub_path.startswith("/") or ".." in sub_path.split("/"):
        raise VolumeError(f'subPath "{sub_path}" must be a relative path without ".."')


def _get_kind(volume: JsonObject) -> str:
    return next((key for key in volume if key != "name"), "emptyDir")


def _get_local_path(volume: BoundVolume) -> str:
    """Return the path of a local volume in the pod's folder."""
    return f"volumes/{_LOCAL_PLUGIN}/{volume.name}"


def _mount_memory(parent: Directory, name: str, options: str = "") -> bool:
    """Mount a tmpfs on a directory, which is created if it is missing. False if one is mounted there."""
    with parent.make_directory(name, 0o755) as folder:
        if get_mount_id(folder.descriptor) != get_mount_id(parent.descriptor):
            return False
        mount.mount("tmpfs", folder.path, "tmpfs", 0, options)
    return True
