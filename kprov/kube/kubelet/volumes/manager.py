"""Sets up the volumes of pods below /var/lib/kubelet/pods/UID/volumes and takes them down again."""

import asyncio
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.expansion import expand
from kprov.kube.kubelet.pods.pod_queries import Container, Pod
from kprov.kube.kubelet.runtime.environment import Lookup
from kprov.kube.kubelet.volumes import atomic_writer, mount, removal, sources, subpath
from kprov.kube.kubelet.volumes.sources import TokenSource, VolumeError
from kprov.kube.machinery.quantity import Quantity

log = logging.getLogger(__name__)

_PLUGINS: Final = {
    "emptyDir": "kubernetes.io~empty-dir",
    "configMap": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "downwardAPI": "kubernetes.io~downward-api",
    "projected": "kubernetes.io~projected",
}
_PROPAGATION: Final = {
    None: pb.PROPAGATION_PRIVATE,
    "None": pb.PROPAGATION_PRIVATE,
    "HostToContainer": pb.PROPAGATION_HOST_TO_CONTAINER,
    "Bidirectional": pb.PROPAGATION_BIDIRECTIONAL,
}


class VolumeManager:
    def __init__(
        self, root: str, lookup: Lookup, token: TokenSource, allocatable: dict[str, Quantity]
    ) -> None:
        self._root = Path(root)
        self._lookup = lookup
        self._token = token
        self._allocatable = allocatable

    def pod_folder(self, uid: str) -> Path:
        return self._root / "pods" / uid

    async def set_up(self, pod: Pod, runtime: Mapping[str, Any]) -> None:
        """Make all volumes of the pod ready, contents current. Raises VolumeError naming the volume."""
        self.pod_folder(pod_queries.uid_of(pod)).mkdir(parents=True, exist_ok=True, mode=0o750)
        for volume in pod["spec"].get("volumes") or []:
            try:
                await self._set_up(pod, volume, runtime)
            except (VolumeError, OSError, ValueError) as error:
                raise VolumeError(
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
                ) from error

    async def _set_up(self, pod: Pod, volume: dict[str, Any], runtime: Mapping[str, Any]) -> None:
        group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
        kind = next((key for key in volume if key != "name"), "emptyDir")
        if kind == "hostPath":
            await asyncio.to_thread(_check_host_path, volume["hostPath"])
        elif kind == "emptyDir":
            folder = self._folder(pod, volume["name"], kind)
            await asyncio.to_thread(_empty_dir, folder, volume.get("emptyDir") or {}, group)
        elif kind in _PLUGINS:
            files = await sources.content(
                pod,
                volume,
                lookup=self._lookup,
                token=self._token,
                runtime=runtime,
                allocatable=self._allocatable,
            )
            folder = self._folder(pod, volume["name"], kind)
            await asyncio.to_thread(_write, folder, files, group)
        else:
            raise VolumeError(f"volume type {kind} is not supported by this kubelet")

    def _folder(self, pod: Pod, name: str, kind: str) -> Path:
        return self.pod_folder(pod_queries.uid_of(pod)) / "volumes" / _PLUGINS[kind] / name

    def host_path(self, pod: Pod, name: str) -> str:
        """Where a volume's content stands on this host. Raises VolumeError for a name the pod lacks."""
        for volume in pod["spec"].get("volumes") or []:
            if volume["name"] == name:
                kind = next((key for key in volume if key != "name"), "emptyDir")
                return (
                    str(volume["hostPath"]["path"])
                    if kind == "hostPath"
                    else str(self._folder(pod, name, kind))
                )
        raise VolumeError(f'volume "{name}" is not in the pod')

    def mounts(self, pod: Pod, container: Container, env: Mapping[str, str]) -> list[pb.Mount]:
        """The container's volumeMounts. Makes missing subPaths and mounts each. Raises VolumeError."""
        result = []
        for index, entry in enumerate(container.get("volumeMounts") or []):
            source = self.host_path(pod, entry["name"])
            sub_path = entry.get("subPath") or ""
            if entry.get("subPathExpr"):
                sub_path = expand(entry["subPathExpr"], env)
            if sub_path:
                source = self._sub_path(pod, container, index, source, sub_path)
            target = entry["mountPath"]
            result.append(
                pb.Mount(
                    container_path=target if target.startswith("/") else f"/{target}",
                    host_path=source,
                    readonly=bool(entry.get("readOnly")),
                    propagation=_PROPAGATION[entry.get("mountPropagation")],
                )
            )
        return result

    def _sub_path(self, pod: Pod, container: Container, index: int, source: str, sub_path: str) -> str:
        """Mount the subPath of entry ``index`` below the pod's folder, and return that path."""
        if sub_path.startswith("/") or ".." in sub_path.split("/"):
            raise VolumeError(f'subPath "{sub_path}" must be a relative path without ".."')
        volume = container["volumeMounts"][index]["name"]
        folder = self.pod_folder(pod_queries.uid_of(pod)) / subpath.FOLDER / volume / container["name"]
        try:
            subpath.bind(source, sub_path, folder / str(index))
        except OSError as error:
            # The event leaves out the cause, as upstream does: it may describe files of the host.
            log.warning(
                "%s: container %s, subPath %s: %s", pod_queries.told(pod), container["name"], sub_path, error
            )
            raise VolumeError(
                f'failed to prepare subPath for volumeMount "{volume}" of container "{container["name"]}"'
            ) from error
        return str(folder / str(index))

    async def tear_down(self, uid: str) -> None:
        """Remove everything of a pod whose containers are gone. OSError: something is still mounted."""
        await asyncio.to_thread(_tear_down, self.pod_folder(uid))

    async def tear_down_volumes(self, uid: str) -> None:
        """Remove the volumes of a pod that has ended; its containers' termination messages stay."""
        await asyncio.to_thread(_tear_down, self.pod_folder(uid) / subpath.FOLDER)
        await asyncio.to_thread(_tear_down, self.pod_folder(uid) / "volumes")

    def left_behind(self) -> set[str]:
        """Uids that have a folder here."""
        folder = self._root / "pods"
        return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def _write(folder: Path, files: Mapping[str, atomic_writer.Projection], group: int | None) -> None:
    if not folder.exists() and os.geteuid() == 0:
        folder.mkdir(parents=True)
        # Secrets and tokens stay in memory, as upstream: a tmpfs for each volume.
        if "kubernetes.io~secret" in folder.parts or "kubernetes.io~projected" in folder.parts:
            mount.mount("tmpfs", str(folder), "tmpfs")
    atomic_writer.write(folder, files, group=group)
    folder.chmod(0o3777 if group is not None else 0o777)
    if group is not None:
        os.chown(folder, -1, group)


def _empty_dir(folder: Path, source: dict[str, Any], group: int | None) -> None:
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


def _check_host_path(source: dict[str, Any]) -> None:
    path, kind = Path(source["path"]), source.get("type") or ""
    tests = {
        "Directory": (stat.S_ISDIR, "is not a directory"),
        "File": (stat.S_ISREG, "is not a file"),
        "Socket": (stat.S_ISSOCK, "is not a socket file"),
        "CharDevice": (stat.S_ISCHR, "is not a character device"),
        "BlockDevice": (stat.S_ISBLK, "is not a block device"),
    }
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        kind = "Directory"
    elif kind == "FileOrCreate":
        if not path.exists():
            path.touch(mode=0o644)
        kind = "File"
    if not kind:
        return
    test, text = tests[kind]
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise VolumeError(f"hostPath type check failed: {path} {text}") from error
    if not test(mode):
        raise VolumeError(f"hostPath type check failed: {path} {text}")


def _tear_down(folder: Path) -> None:
    if not folder.exists():
        return
    for point in mount.below(str(folder)):
        mount.unmount(point)
    removal.remove_tree(folder)
