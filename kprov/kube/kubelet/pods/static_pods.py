"""Pods from files of this host, and their mirrors in the API (config/file.go, mirror_client.go)."""

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import Any, Protocol

import orjson
import yaml

from kprov.kube.client import ApiError, ClientError, RestClient
from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Pod
from kprov.kube.machinery import timestamps

log = logging.getLogger(__name__)

_NO_EXECUTE: dict[str, str] = {"operator": "Exists", "effect": "NoExecute"}


class PodSink(Protocol):
    def set_pod(self, pod: Pod) -> None: ...

    def remove_pod(self, uid: str) -> None: ...


class StaticPods:
    """Reads the folder again every fileCheckFrequency."""

    def __init__(self, config: KubeletConfig, client: RestClient | None, sink: PodSink) -> None:
        self._config = config
        self._pods = client.resource("", "v1", "pods") if client is not None else None
        self._nodes = client.resource("", "v1", "nodes") if client is not None else None
        self._sink = sink
        self._current: dict[str, Pod] = {}  # "namespace/name" > pod
        self._mirrors: dict[str, Pod] = {}
        self._wake = asyncio.Event()
        self.read_once = asyncio.Event()

    def mirror_seen(self, pod: Pod) -> None:
        self._mirrors[_key(pod)] = pod
        self._wake.set()

    def mirror_gone(self, pod: Pod) -> None:
        self._mirrors.pop(_key(pod), None)
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            found = await asyncio.to_thread(read_folder, self._config.static_pod_path, self._config.node_name)
            for key, pod in list(self._current.items()):
                if found.get(key) is None or pod_queries.uid_of(found[key]) != pod_queries.uid_of(pod):
                    self._sink.remove_pod(pod_queries.uid_of(pod))
                    del self._current[key]
            for key, pod in found.items():
                if key not in self._current:
                    self._current[key] = pod
                    self._sink.set_pod(pod)
            self.read_once.set()
            try:
                await self._mirror()
            except ClientError as error:
                log.warning("mirror pods: %s", error)
            try:
                async with asyncio.timeout(self._config.file_check_frequency):
                    await self._wake.wait()
                await asyncio.sleep(0.5)
            except TimeoutError:
                pass

    async def _mirror(self) -> None:
        """Show static pods in the API, with the hash of their file; mirrors of others are removed."""
        if self._pods is None or self._nodes is None:
            return
        for key, mirror in list(self._mirrors.items()):
            pod = self._current.get(key)
            same = pod is not None and _hash(mirror, pod_queries.CONFIG_MIRROR) == _hash(
                pod, pod_queries.CONFIG_HASH
            )
            if not same or pod_queries.is_being_deleted(mirror):
                await self._delete(mirror)
                self._mirrors.pop(key, None)
        for key, pod in self._current.items():
            if key in self._mirrors:
                continue
            node = await self._nodes.get(self._config.node_name)
            mirror = orjson.loads(orjson.dumps(pod))
            mirror["metadata"].pop("uid", None)
            mirror["metadata"]["annotations"][pod_queries.CONFIG_MIRROR] = _hash(pod, pod_queries.CONFIG_HASH)
            mirror["metadata"]["ownerReferences"] = [
                {
                    "apiVersion": "v1",
                    "kind": "Node",
                    "name": self._config.node_name,
                    "uid": node["metadata"]["uid"],
                    "controller": True,
                }
            ]
            try:
                self._mirrors[key] = await self._pods.create(mirror, namespace=pod_queries.namespace_of(pod))
            except ApiError as error:
                if not error.is_already_exists:
                    raise

    async def _delete(self, mirror: Pod) -> None:
        assert self._pods is not None
        try:
            await self._pods.delete(
                pod_queries.name_of(mirror),
                namespace=pod_queries.namespace_of(mirror),
                grace_period_seconds=0,
                preconditions_uid=pod_queries.uid_of(mirror),
            )
        except ApiError as error:
            if not (error.is_not_found or error.is_conflict):
                raise


def _key(pod: Pod) -> str:
    return f"{pod_queries.namespace_of(pod)}/{pod_queries.name_of(pod)}"


def _hash(pod: Pod, annotation: str) -> str:
    return pod_queries.annotations_of(pod).get(annotation, "")


def read_folder(folder: str, node_name: str) -> dict[str, Pod]:
    """Pods by "namespace/name" of all files whose names do not start with a dot; bad files are logged."""
    found: dict[str, Pod] = {}
    path = Path(folder)
    files = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    for file in files:
        if file.name.startswith(".") or not file.is_file():
            continue
        try:
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
            pod = prepare(document, str(file), node_name)
        except (OSError, yaml.YAMLError, ValueError, KeyError, TypeError) as error:
            log.warning("%s holds no pod: %s", file, error)
            continue
        found[_key(pod)] = pod
    return found


def prepare(document: Any, source: str, node_name: str) -> Pod:
    """A pod as if the API server had defaulted it. Raises ValueError, KeyError, TypeError."""
    if not isinstance(document, dict) or document.get("kind") != "Pod":
        raise ValueError("not a Pod")
    pod: Pod = orjson.loads(orjson.dumps(document))
    meta, spec = pod["metadata"], pod["spec"]
    content = hashlib.md5(usedforsecurity=False)
    content.update(f"host:{node_name}file:{source}".encode())
    content.update(orjson.dumps(document, option=orjson.OPT_SORT_KEYS))
    digest = content.hexdigest()
    meta.setdefault("uid", digest)
    meta["name"] = f"{meta['name']}-{node_name}"
    meta.setdefault("namespace", "default")
    annotations = meta.setdefault("annotations", {})
    annotations[pod_queries.CONFIG_HASH] = digest
    annotations[pod_queries.CONFIG_SOURCE] = "file"
    annotations.setdefault(pod_queries.CONFIG_SEEN, timestamps.now())
    spec["nodeName"] = node_name
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", pod_queries.DEFAULT_GRACE_SECONDS)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("tolerations", []).append(dict(_NO_EXECUTE))
    for container in pod_queries.all_containers(pod):
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
    pod["status"] = {"phase": "Pending"}
    return pod
