"""Mirror pods: objects in the API that show the static pods of this node (pod/mirror_client.go)."""

from collections.abc import Mapping

import orjson

from kprov.kube.api.meta import NodeName
from kprov.kube.client import ApiError, RestClient
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_manager import get_key
from kprov.kube.machinery.json_object import JsonObject


class MirrorClient:
    """Creates the mirror pods that are missing and deletes those that have no static pod."""

    def __init__(self, client: RestClient, node_name: NodeName) -> None:
        self._pods = client.resource("", "v1", "pods")
        self._nodes = client.resource("", "v1", "nodes")
        self._node_name = node_name
        self._mirrors: dict[str, JsonObject] = {}  # namespace/name > document

    def add(self, document: JsonObject) -> None:
        """Handle that the API server has this mirror pod."""
        self._mirrors[get_key(document)] = document

    def remove(self, document: JsonObject) -> None:
        """Handle that the API server has this mirror pod no more."""
        self._mirrors.pop(get_key(document), None)

    async def sync(self, static_pods: Mapping[str, JsonObject]) -> None:
        """Give each static pod a mirror with the hash of its file. Delete all others. Raises ClientError."""
        for key, mirror in list(self._mirrors.items()):
            pod = static_pods.get(key)
            is_current = pod is not None and _get_annotation(
                mirror, pod_queries.CONFIG_MIRROR
            ) == _get_annotation(pod, pod_queries.CONFIG_HASH)
            if not is_current or mirror["metadata"].get("deletionTimestamp"):
                await self._delete(mirror)
                self._mirrors.pop(key, None)
        for key, pod in static_pods.items():
            if key not in self._mirrors:
                await self._create(key, pod)

    async def _create(self, key: str, pod: JsonObject) -> None:
        node = await self._nodes.get(self._node_name)
        mirror = orjson.loads(orjson.dumps(pod))
        mirror["metadata"].pop("uid", None)
        digest = _get_annotation(pod, pod_queries.CONFIG_HASH)
        mirror["metadata"]["annotations"][pod_queries.CONFIG_MIRROR] = digest
        mirror["metadata"]["ownerReferences"] = [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "name": self._node_name,
                "uid": node["metadata"]["uid"],
                "controller": True,
            }
        ]
        try:
            self._mirrors[key] = await self._pods.create(mirror, namespace=pod["metadata"]["namespace"])
        except ApiError as error:
            if not error.is_already_exists:
                raise

    async def _delete(self, mirror: JsonObject) -> None:
        meta = mirror["metadata"]
        try:
            await self._pods.delete(
                meta["name"],
                namespace=meta["namespace"],
                grace_period_seconds=0,
                preconditions_uid=meta["uid"],
            )
        except ApiError as error:
            if not (error.is_not_found or error.is_conflict):
                raise


def _get_annotation(document: JsonObject, name: str) -> str:
    return str((document["metadata"].get("annotations") or {}).get(name, ""))
