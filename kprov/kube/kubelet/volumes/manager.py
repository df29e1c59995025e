"""Mounts the volumes of pods below /var/lib/kubelet/pods/UID/volumes and unmounts them (volumemanager)."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.component_helpers.tree_removal import remove_tree
from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.expansion import expand
from kprov.kube.kubelet.pods.field_path import NodeFields
from kprov.kube.kubelet.volumes import atomic_writer, claims, host_path, local, mount, subpath
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
_LOCAL_PLUGIN: Final = "kubernetes.io~local-volume"
_PROPAGATION: Final = {
    None: pb.PROPAGATION_PRIVATE,
    "None": pb.PROPAGATION_PRIVATE,
    "HostToContainer": pb.PROPAGATION_HOST_TO_CONTAINER,
    "Bidirectional": pb.PROPAGATION_BIDIRECTIONAL,
}


class VolumeManager:
    """``warn`` sends an event of the pod: (pod, reason, text)."""

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

    async def mount_volumes(self, pod: Pod, fields: NodeFields) -> None:
        """Mount all volumes of the pod and update their contents. Raises VolumeError naming the volume."""
        self.get_pod_folder(pod.uid).mkdir(parents=True, exist_ok=True, mode=0o750)
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
        """The persistent volumes of the pod's claims that containers use. Raises VolumeError naming all."""
        found: dict[str, BoundVolume] = {}
        problems: dict[str, str] = {}
        for volume in pod.spec.volumes:
            name = volume["name"]
            if claims.is_claimed(volume) and claims.is_used(pod, name):
                try:
                    found[name] = await self._claimed.read_volume(pod, volume)
                except VolumeError as error:
                    problems[name] = str(error)
        if problems:
            names = f"[{' '.join(sorted(problems))}]"
            raise VolumeError(
                f"Unable to attach or mount volumes: unmounted volumes={names}, unattached volumes=[], "
                f"failed to process volumes={names}: {'; '.join(problems.values())}"
            )
        return found

    async def _mount_claimed_volume(self, pod: Pod, volume: BoundVolume) -> None:
        if volume.is_block:
            await asyncio.to_thread(local.check_device, volume)
        elif volume.kind == claims.HOST_PATH:
            await asyncio.to_thread(host_path.check_type, volume.source)
        else:
            warning = await asyncio.to_thread(
                local.mount_volume,
                volume,
                self._get_local_folder(pod, volume),
                pods_folder=self._root / "pods",
                ownership=Ownership.from_pod(pod),
            )
            if warning:
                self._warn(pod, "AlreadyMountedVolume", warning)

    def _get_local_folder(self, pod: Pod, volume: BoundVolume) -> Path:
        return self.get_pod_folder(pod.uid) / "volumes" / _LOCAL_PLUGIN / volume.name

    async def _mount_volume(self, pod: Pod, volume: JsonObject, fields: NodeFields) -> None:
        group = (pod.spec.security_context or {}).get("fsGroup")
        kind = _get_kind(volume)
        if kind == "hostPath":
            await asyncio.to_thread(host_path.check_type, volume["hostPath"])
        elif kind == "emptyDir":
            folder = self._get_folder(pod, volume["name"], kind)
            await asyncio.to_thread(_make_empty_dir, folder, volume.get("emptyDir") or {}, group)
        elif kind in _PLUGINS:
            files = await make_files(pod, volume, self._sources, fields)
            folder = self._get_folder(pod, volume["name"], kind)
            await asyncio.to_thread(_write_files, folder, files, group)
        else:
            raise VolumeError(f"volume type {kind} is not supported by this kubelet")

    def _get_folder(self, pod: Pod, name: str, kind: str) -> Path:
        return self.get_pod_folder(pod.uid) / "volumes" / _PLUGINS[kind] / name

    def get_host_path(self, pod: Pod, name: str) -> str:
        """The path of a volume on this host. Raises VolumeError if the pod has no volume of that name."""
        if (bound := self._claimed.get_volume(pod, name)) is not None:
            if bound.kind == claims.HOST_PATH or bound.is_block:
                return str(bound.source["path"])
            return str(self._get_local_folder(pod, bound))
        for volume in pod.spec.volumes:
            if volume["name"] == name:
                if (kind := _get_kind(volume)) == "hostPath":
                    return str(volume["hostPath"]["path"])
                return str(self._get_folder(pod, name, kind))
        raise VolumeError(f'volume "{name}" is not in the pod')

    def make_mounts(self, pod: Pod, container: Container, env: Mapping[str, str]) -> list[pb.Mount]:
        """The container's volumeMounts. Creates and mounts their subPaths. Raises VolumeError."""
        result = []
        for index, entry in enumerate(container.volume_mounts):
            source = self.get_host_path(pod, entry.name)
            sub_path = expand(entry.sub_path_expr, env) if entry.sub_path_expr else entry.sub_path
            if sub_path:
                source = self._mount_sub_path(pod, container, index, source, sub_path)
            target = entry.mount_path
            result.append(
                pb.Mount(
                    container_path=target if target.startswith("/") else f"/{target}",
                    host_path=source,
                    readonly=entry.read_only or self._is_read_only(pod, entry.name),
                    propagation=_PROPAGATION[entry.mount_propagation],
                )
            )
        return result

    def make_devices(self, pod: Pod, container: Container) -> list[pb.Device]:
        """The container's volumeDevices. Raises VolumeError."""
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
        return bound is not None and bound.read_only

    def _mount_sub_path(self, pod: Pod, container: Container, index: int, source: str, sub_path: str) -> str:
        """Mount the subPath of entry ``index`` below the pod's folder and return the path of that mount."""
        if sub_path.startswith("/") or ".." in sub_path.split("/"):
            raise VolumeError(f'subPath "{sub_path}" must be a relative path without ".."')
        volume = container.volume_mounts[index].name
        folder = self.get_pod_folder(pod.uid) / subpath.FOLDER / volume / container.name
        try:
            subpath.bind(source, sub_path, folder / str(index))
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
        return str(folder / str(index))

    async def remove_pod_folder(self, uid: PodUID) -> None:
        """Remove the folder of a pod whose containers are gone. OSError: something is still mounted."""
        await asyncio.to_thread(_unmount_and_remove, self.get_pod_folder(uid))
        self._claimed.forget_pod(uid)

    async def unmount_volumes(self, uid: PodUID) -> None:
        """Remove the volumes of a pod that has ended. Its containers' termination messages stay."""
        await asyncio.to_thread(_unmount_and_remove, self.get_pod_folder(uid) / subpath.FOLDER)
        await asyncio.to_thread(_unmount_and_remove, self.get_pod_folder(uid) / "volumes")
        self._claimed.forget_pod(uid)

    def list_pod_folders(self) -> set[PodUID]:
        """The pods that have a folder."""
        folder = self._root / "pods"
        return {PodUID(entry.name) for entry in folder.iterdir()} if folder.is_dir() else set()


def _get_kind(volume: JsonObject) -> str:
    return next((key for key in volume if key != "name"), "emptyDir")


def _write_files(folder: Path, files: Mapping[str, atomic_writer.Projection], group: int | None) -> None:
    if not folder.exists() and os.geteuid() == 0:
        folder.mkdir(parents=True)
        # A tmpfs, as upstream: secrets and tokens do not reach the disk.
        if "kubernetes.io~secret" in folder.parts or "kubernetes.io~projected" in folder.parts:
            mount.mount("tmpfs", str(folder), "tmpfs")
    atomic_writer.write(folder, files, group=group)
    folder.chmod(0o3777 if group is not None else 0o777)
    if group is not None:
        os.chown(folder, -1, group)


def _make_empty_dir(folder: Path, source: JsonObject, group: int | None) -> None:
    if folder.exists():
        return
    folder.mkdir(parents=True)
    if source.get("medium") == "Memory":
        limit = source.get("sizeLimit")
        size = f"size={Quantity.parse(limit).value}" if limit else ""
        mount.mount("tmpfs", str(folder), "tmpfs", 0, size)
    elif source.get("medium"):
        raise VolumeError(f'emptyDir medium "{source["medium"]}" is not supported by this kubelet')
    folder.chmod(0o777)
    if group is not None:
        os.chown(folder, -1, group)
        folder.chmod(0o2777)


def _unmount_and_remove(folder: Path) -> None:
    if not folder.exists():
        return
    for point in mount.list_mount_points(str(folder)):
        mount.unmount(point)
    remove_tree(folder)
