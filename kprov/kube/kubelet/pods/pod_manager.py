"""The pods of this node and the mirror pods, as documents and as views (pkg/kubelet/pod)."""

from dataclasses import dataclass

from kprov.kube.api.core import Pod
from kprov.kube.api.decoding import convert
from kprov.kube.api.meta import PodUID
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.machinery.json_object import JsonObject


@dataclass(frozen=True, slots=True)
class _Entry:
    document: JsonObject
    pod: Pod


class PodManager:
    """Pods by uid. A document is what the API server or a file gave. Its view has what the kubelet reads."""

    def __init__(self) -> None:
        self._entries: dict[PodUID, _Entry] = {}
        self._mirrors: dict[str, JsonObject] = {}  # namespace/name > mirror pod

    def set_pod(self, document: JsonObject) -> Pod:
        """Add or replace a pod. Raises msgspec.ValidationError for a field of a wrong type."""
        pod = convert(document, Pod)
        self._entries[pod.uid] = _Entry(document, pod)
        return pod

    def remove_pod(self, uid: PodUID) -> Pod | None:
        """Return the pod that was removed, None if there was none."""
        entry = self._entries.pop(uid, None)
        return entry.pod if entry is not None else None

    def set_mirror(self, document: JsonObject) -> None:
        self._mirrors[get_key(document)] = document

    def remove_mirror(self, document: JsonObject) -> None:
        self._mirrors.pop(get_key(document), None)

    def has_pod(self, uid: PodUID) -> bool:
        return uid in self._entries

    def get_pod(self, uid: PodUID) -> Pod | None:
        entry = self._entries.get(uid)
        return entry.pod if entry is not None else None

    def find_pod(self, namespace: str, name: str) -> Pod | None:
        for pod in self.list_pods():
            if pod.metadata.name == name and pod.metadata.namespace == namespace:
                return pod
        return None

    def list_pods(self) -> list[Pod]:
        return [entry.pod for entry in self._entries.values()]

    def list_documents(self) -> dict[PodUID, JsonObject]:
        """Documents by uid."""
        return {uid: entry.document for uid, entry in self._entries.items()}

    def get_status(self, uid: PodUID) -> JsonObject:
        """Return the status in the pod's document, empty for a pod that is not here."""
        entry = self._entries.get(uid)
        status: JsonObject = (entry.document.get("status") or {}) if entry is not None else {}
        return status

    def get_api_document(self, uid: PodUID) -> JsonObject | None:
        """Return the pod as the API server has it. For a static pod this is its mirror pod."""
        entry = self._entries.get(uid)
        if entry is None:
            return None
        if pod_queries.is_static(entry.pod):
            return self._mirrors.get(entry.pod.key)
        return entry.document


def get_key(document: JsonObject) -> str:
    """Namespace/name."""
    meta = document["metadata"]
    return f"{meta.get('namespace') or 'default'}/{meta['name']}"
