"""The number of replicas that the controllers of pods request (their scale)."""

from collections.abc import Iterable
from typing import Any, TypeVar

from kprov.kube.api.apps import Deployment, ReplicaSet, StatefulSet
from kprov.kube.api.core import Pod
from kprov.kube.api.meta import Object, OwnerReference
from kprov.kube.client import ApiError, Informer
from kprov.kube.client.discovery import ApiResource, Discovery, DiscoveryResult
from kprov.kube.controller_manager.framework.controller import Context
from kprov.kube.controller_manager.replication import ReplicationController
from kprov.kube.machinery import resources

Kind = TypeVar("Kind", bound=Object)


class NoScaleError(Exception):
    """A pod's controller has no scale. The text is upstream's."""


class Scales:
    """Reads scales from the informers of the kinds below, from the scale subresource for other kinds."""

    def __init__(self, context: Context) -> None:
        informers = context.informers
        self._client = context.client
        self._discovery = Discovery(context.client)
        self._discovered = DiscoveryResult(())
        self._deployments = informers.informer("apps", "v1", "deployments", Deployment)
        self._sets = informers.informer("apps", "v1", "replicasets", ReplicaSet)
        self._stateful = informers.informer("apps", "v1", "statefulsets", StatefulSet)
        self._controllers = informers.informer("", "v1", "replicationcontrollers", ReplicationController)

    async def wanted(self, pods: Iterable[Pod]) -> tuple[int, list[str]]:
        """(sum of the scales of the pods' controllers, names of pods without one). NoScaleError, ApiError."""
        replicas: dict[str, int] = {}
        seen: set[str] = set()
        unmanaged = []
        for pod in pods:
            owner = pod.metadata.controller()
            if owner is None:
                unmanaged.append(pod.metadata.name)
            elif owner.uid not in seen:
                scale = await self._find_scale(owner, pod.metadata.namespace)
                if scale is None:
                    raise NoScaleError(f'found no controllers for pod "{pod.metadata.name}"')
                uid, replicas[uid] = scale[0], scale[1]
                seen.add(owner.uid)
        return sum(replicas.values()), unmanaged

    async def _find_scale(self, owner: OwnerReference, namespace: str) -> tuple[str, int] | None:
        """UID and replicas of the controller. For a replica set of a deployment, those of the deployment."""
        group, _ = resources.split_api_version(owner.api_version)
        here: tuple[str, int] | None = None
        match group, owner.kind:
            case "", "ReplicationController":
                here = _replicas(self._controllers, namespace, owner)
            case "apps" | "extensions", "ReplicaSet":
                here = self._of_replica_set(namespace, owner)
            case "apps", "StatefulSet":
                here = _replicas(self._stateful, namespace, owner)
        return here or await self._by_subresource(group, owner, namespace)

    def _of_replica_set(self, namespace: str, owner: OwnerReference) -> tuple[str, int] | None:
        rs = _get_same_uid(self._sets, namespace, owner)
        if rs is None:
            return None
        above = rs.metadata.controller()
        if above is None or above.kind != "Deployment":
            return rs.metadata.uid, rs.spec.replicas
        return _replicas(self._deployments, namespace, above)

    async def _find_resource(self, group: str, kind: str) -> ApiResource | None:
        """Return the resource of a kind, custom ones included. ClientError: the server does not say."""
        resource = self._discovered.find_kind(group, kind)
        if resource is None:
            self._discovered = await self._discovery.discover()
            resource = self._discovered.find_kind(group, kind)
        return resource

    async def _by_subresource(
        self, group: str, owner: OwnerReference, namespace: str
    ) -> tuple[str, int] | None:
        resource = await self._find_resource(group, owner.kind)
        if resource is None:
            raise NoScaleError(f'no matches for kind "{owner.kind}" in version "{owner.api_version}"')
        if "scale" not in resource.subresources:
            name = f"{resource.plural}.{group}" if group else resource.plural
            raise NoScaleError(f"{name} does not implement the scale subresource")
        client = self._client.resource(group, resource.version, resource.plural, dict)
        try:
            scale: dict[str, Any] = await client.get(owner.name, namespace=namespace, subresource="scale")
        except ApiError as error:
            if error.is_not_found:
                return None
            raise
        uid = scale["metadata"]["uid"]
        return (uid, scale.get("spec", {}).get("replicas", 0)) if uid == owner.uid else None


def _get_same_uid(informer: Informer[Kind], namespace: str, owner: OwnerReference) -> Kind | None:
    obj = informer.get(namespace, owner.name)
    return obj if obj is not None and obj.metadata.uid == owner.uid else None


def _replicas(informer: Informer[Any], namespace: str, owner: OwnerReference) -> tuple[str, int] | None:
    same_uid = _get_same_uid(informer, namespace, owner)
    return None if same_uid is None else (same_uid.metadata.uid, same_uid.spec.replicas)
