"""Static pods: pods from files of this host (pkg/kubelet/config/file.go)."""

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import Any, Protocol

import msgspec
import orjson
import yaml

from kprov.kube.api.core import Pod
from kprov.kube.api.decoding import convert
from kprov.kube.api.meta import NodeName, PodUID
from kprov.kube.client import ClientError, RestClient
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.mirror_pods import MirrorClient
from kprov.kube.kubelet.pods.pod_manager import get_key
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_TOLERATE_NO_EXECUTE: dict[str, str] = {"operator": "Exists", "effect": "NoExecute"}
_DEBOUNCE_SECONDS = 0.5


class PodSink(Protocol):
    """Takes the pods (the kubelet)."""

    def set_pod(self, document: JsonObject) -> None: ...

    def remove_pod(self, uid: PodUID) -> None: ...


class StaticPodSource:
    """Reads the folder again every fileCheckFrequency and keeps the mirror pods in step."""

    def __init__(self, config: KubeletConfiguration, client: RestClient | None, sink: PodSink) -> None:
        self._config = config
        self._mirrors = MirrorClient(client, config.node_name) if client is not None else None
        self._sink = sink
        self._pods: dict[str, JsonObject] = {}  # namespace/name > document
        self._wake = asyncio.Event()
        self.has_read = asyncio.Event()

    def add_mirror(self, document: JsonObject) -> None:
        """Handle that the API server has this mirror pod."""
        if self._mirrors is not None:
            self._mirrors.add(document)
        self._wake.set()

    def remove_mirror(self, document: JsonObject) -> None:
        """Handle that the API server has this mirror pod no more."""
        if self._mirrors is not None:
            self._mirrors.remove(document)
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._wake.clear()
            await self._read()
            self.has_read.set()
            if self._mirrors is not None:
                try:
                    await self._mirrors.sync(self._pods)
                except ClientError as error:
                    log.warning("syncing mirror pods, trying again: %s", error)
            try:
                async with asyncio.timeout(self._config.file_check_frequency):
                    await self._wake.wait()
                await asyncio.sleep(_DEBOUNCE_SECONDS)
            except TimeoutError:
                pass

    async def _read(self) -> None:
        documents = await asyncio.to_thread(read_folder, self._config.static_pod_path, self._config.node_name)
        for key, document in list(self._pods.items()):
            uid = document["metadata"]["uid"]
            if key not in documents or documents[key]["metadata"]["uid"] != uid:
                self._sink.remove_pod(uid)
                del self._pods[key]
        for key, document in documents.items():
            if key not in self._pods:
                self._pods[key] = document
                self._sink.set_pod(document)


def read_folder(folder: str, node_name: NodeName) -> dict[str, JsonObject]:
    """Pods by "namespace/name" of all files whose names do not start with a dot. Bad files are logged."""
    documents: dict[str, JsonObject] = {}
    path = Path(folder)
    files = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    for file in files:
        if file.name.startswith(".") or not file.is_file():
            continue
        try:
            document = prepare(yaml.safe_load(file.read_text(encoding="utf-8")), str(file), node_name)
            convert(document, Pod)
        except (OSError, yaml.YAMLError, ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
            log.warning("ignoring %s, it has no valid pod: %s", file, error)
            continue
        documents[get_key(document)] = document
    return documents


def prepare(document: Any, source: str, node_name: NodeName) -> JsonObject:
    """Set what the API server would set. Raises ValueError, KeyError, TypeError."""
    if not isinstance(document, dict) or document.get("kind") != "Pod":
        raise ValueError("not a Pod")
    pod: JsonObject = orjson.loads(orjson.dumps(document))
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
    spec.setdefault("tolerations", []).append(dict(_TOLERATE_NO_EXECUTE))
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(field) or []:
            container.setdefault("terminationMessagePath", "/dev/termination-log")
            container.setdefault("terminationMessagePolicy", "File")
    pod["status"] = {"phase": "Pending"}
    return pod
