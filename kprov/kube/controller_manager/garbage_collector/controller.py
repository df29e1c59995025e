"""The garbage collector (pkg/controller/garbagecollector)."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from kprov.kube.api.core import ObjectReference
from kprov.kube.api.meta import OwnerReference
from kprov.kube.client import ApiError, ClientError, ResourceClient, WorkQueue, run_workers
from kprov.kube.client.discovery import ApiResource
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.metadata_view import Owned
from kprov.kube.controller_manager.garbage_collector.graph import (
    FOREGROUND,
    ORPHAN,
    AnyObject,
    Graph,
    Identity,
    Node,
    Work,
    identify_owner,
    is_owner,
    remove_owners,
)
from kprov.kube.controller_manager.garbage_collector.monitors import Monitors

log = logging.getLogger(__name__)

_SYNC_SECONDS: Final = 30.0
# An owner is looked for at one place after the other.
_NEXT_PLACE_SECONDS: Final = 1.0
# UIDs are never reused: an absent owner stays absent.
_ABSENT_KEPT: Final = 5000


class UnknownKindError(ClientError):
    """An owner reference has a kind that the server does not have, or not yet."""


class NamespacedOwnerError(Exception):
    """A cluster-scoped object refers to an owner of a kind that is namespaced."""


class GarbageCollector(Controller):
    """Keys are UIDs: of objects to try to delete, and of owners whose dependents to orphan."""

    name = "garbage_collector_attempt_to_delete"
    concurrency = "concurrent_gc_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.graph = Graph()
        self._orphans: WorkQueue[str] = WorkQueue("garbage_collector_attempt_to_orphan")
        self._absent: dict[Identity, None] = {}
        self._recorder = context.make_recorder("garbage-collector-controller")
        self._monitors = Monitors(context.informers, self._handle_object, self._handle_deleted_object)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._monitors.run())
            await self._monitors.wait_for_sync(_SYNC_SECONDS)
            group.create_task(super().run())
            group.create_task(run_workers(self._orphans, self.orphan, workers=2, name="gc orphan"))

    async def sync(self, key: str) -> None:
        """Delete the object if it has no owner any more. Remove references to owners that are gone."""
        node = self.graph.get(key)
        if (
            node is None
            or (node.being_deleted and not node.deleting_dependents)
            or self._has_only_solid_owners(node)
        ):
            return
        try:
            await self._sync_node(node)
        except NamespacedOwnerError as error:
            # No retry makes it right.
            log.warning("%s %s: %s", node.kind, node.name, error)

    async def _sync_node(self, node: Node) -> None:
        known = self._monitors.find(node)
        if known is not None:
            # Every write names the version of the object, so that one that is too old changes nothing.
            try:
                await self._advance(node, known)
            except ApiError as error:
                if not error.is_conflict:
                    raise
            else:
                return
        identity = self._complete(node.identity)
        live = await self._get_live(node)
        if live is None:
            self._remember_absent(identity)
            self._run_work(self.graph.remove_absent(identity))
            return
        await self._advance(node, live)

    async def _advance(self, node: Node, live: AnyObject) -> None:
        """Do what follows from that state of the object. 409: it has another one."""
        if node.deleting_dependents:
            await self._finish_foreground(node, live)
            return
        owners = live.metadata.owner_references
        if not owners or live.metadata.deletion_timestamp:
            return
        solid, dangling, waiting = await self._classify(node, owners)
        if solid:
            if dangling or waiting:
                await self._set_owners(
                    node, live, remove_owners(owners, (ref.uid for ref in (*dangling, *waiting)))
                )
            return
        if waiting and any(dependent.deleting_dependents for dependent in node.dependents.values()):
            # In a cycle each owner waits for the next one, so this object must not block its owners.
            unblocked = await self._unblock(node, live)
            if unblocked is None:
                return
            live = unblocked
        await self._delete(node, live, foreground=bool(waiting and node.dependents))

    async def orphan(self, key: str) -> None:
        """Remove the owner from its dependents' references, then its finalizer."""
        owner = self.graph.get(key)
        if owner is None:
            return
        for dependent in list(owner.dependents.values()):
            live = await self._get_live(dependent)
            if live is not None:
                await self._set_owners(dependent, live, remove_owners(live.metadata.owner_references, [key]))
        live = await self._get_live(owner)
        if live is not None and ORPHAN in live.metadata.finalizers:
            await self._remove_finalizer(owner, live, ORPHAN)

    def _has_only_solid_owners(self, node: Node) -> bool:
        """Whether all owners exist and none waits for the deletion: nothing to do for now."""
        if node.virtual or node.deleting_dependents:
            return False
        owners = [self._find_owner(node, reference) for reference in node.owners]
        return all(owner and not owner.deleting_dependents for owner in owners)

    def _find_owner(self, node: Node, reference: OwnerReference) -> Node | None:
        """Return the owner, if its object was seen at the place that the reference names."""
        owner = self.graph.get(reference.uid)
        is_known = owner is not None and not owner.virtual and is_owner(owner, node, reference)
        return owner if is_known else None

    async def _classify(
        self, node: Node, owners: Sequence[OwnerReference]
    ) -> tuple[list[OwnerReference], list[OwnerReference], list[OwnerReference]]:
        """(owners that exist, owners that are gone, owners that wait for the deletion of this object)."""
        solid: list[OwnerReference] = []
        dangling: list[OwnerReference] = []
        waiting: list[OwnerReference] = []
        for reference in owners:
            known = self._find_owner(node, reference)
            identity = self._complete(identify_owner(node, reference))
            if identity in self._absent:
                dangling.append(reference)
            elif known is not None:
                (waiting if known.deleting_dependents else solid).append(reference)
            else:
                owner = await self._live_owner(node, reference)
                if owner is None:
                    self._remember_absent(identity)
                    dangling.append(reference)
                elif owner.metadata.deletion_timestamp and FOREGROUND in owner.metadata.finalizers:
                    waiting.append(reference)
                else:
                    solid.append(reference)
        return solid, dangling, waiting

    async def _finish_foreground(self, node: Node, live: AnyObject) -> None:
        blocking = node.blocking
        if not blocking:
            if FOREGROUND in live.metadata.finalizers:
                await self._remove_finalizer(node, live, FOREGROUND)
            return
        for dependent in blocking:
            if not dependent.being_deleted:
                self.queue.add(dependent.uid)

    async def _get_live(self, node: Node) -> Owned | None:
        return await self._get(
            self._resource(node.api_version, node.kind), node.namespace, node.name, node.uid
        )

    async def _live_owner(self, node: Node, reference: OwnerReference) -> Owned | None:
        resource = self._resource(reference.api_version, reference.kind)
        return await self._get(resource, node.namespace, reference.name, reference.uid)

    async def _get(self, resource: ApiResource, namespace: str, name: str, uid: str) -> Owned | None:
        """Return the object, if it exists and has that UID."""
        if resource.namespaced and not namespace:
            raise NamespacedOwnerError(f"its owner, the {resource.kind} {name}, is namespaced")
        try:
            live = await self._list_objects(resource).get(
                name, namespace=namespace if resource.namespaced else None
            )
        except ApiError as error:
            if error.is_not_found:
                return None
            raise
        return live if live.metadata.uid == uid else None

    async def _delete(self, node: Node, live: AnyObject, *, foreground: bool) -> None:
        if ORPHAN in live.metadata.finalizers:
            policy = "Orphan"
        elif foreground or FOREGROUND in live.metadata.finalizers:
            policy = "Foreground"
        else:
            policy = "Background"
        log.info("deleting %s %s/%s (%s): its owners are gone", node.kind, node.namespace, node.name, policy)
        resource = self._resource(node.api_version, node.kind)
        try:
            await self._list_objects(resource).delete(
                node.name,
                namespace=node.namespace if resource.namespaced else None,
                preconditions_uid=node.uid,
                preconditions_resource_version=live.metadata.resource_version,
                propagation_policy=policy,
            )
        except ApiError as error:
            if not error.is_not_found:
                raise

    async def _set_owners(self, node: Node, live: AnyObject, owners: Sequence[OwnerReference]) -> None:
        if len(owners) == len(live.metadata.owner_references):
            return
        await self._patch(node, live, {"ownerReferences": [msgspec.to_builtins(owner) for owner in owners]})

    async def _unblock(self, node: Node, live: AnyObject) -> Owned | None:
        """Unset blockOwnerDeletion in all references. Returns the new object, None if it is gone."""
        owners = live.metadata.owner_references
        if any(owner.block_owner_deletion for owner in owners):
            free = [msgspec.structs.replace(owner, block_owner_deletion=False) for owner in owners]
            await self._patch(node, live, {"ownerReferences": [msgspec.to_builtins(owner) for owner in free]})
        return await self._get_live(node)

    async def _remove_finalizer(self, node: Node, live: AnyObject, finalizer: str) -> None:
        await self._patch(
            node, live, {"finalizers": [other for other in live.metadata.finalizers if other != finalizer]}
        )

    async def _patch(self, node: Node, live: AnyObject, metadata: dict[str, Any]) -> None:
        """Patch metadata if the object still has the version on which the decision was made."""
        resource = self._resource(node.api_version, node.kind)
        body = {"metadata": {**metadata, "uid": node.uid, "resourceVersion": live.metadata.resource_version}}
        try:
            await self._list_objects(resource).patch(
                node.name, body, namespace=node.namespace if resource.namespaced else None
            )
        except ApiError as error:
            if not error.is_not_found:
                raise

    def _resource(self, api_version: str, kind: str) -> ApiResource:
        resource = self._monitors.resource(api_version, kind)
        if resource is None:
            raise UnknownKindError(f"no resource for {api_version} {kind}")
        return resource

    def _list_objects(self, resource: ApiResource) -> ResourceClient[Owned]:
        return self.client.resource(resource.group, resource.version, resource.plural, Owned)

    def _handle_object(self, resource: ApiResource, obj: AnyObject) -> None:
        self._run_work(self.graph.observe(resource.api_version, resource.kind, obj))

    def _handle_deleted_object(self, resource: ApiResource, obj: AnyObject) -> None:
        meta = obj.metadata
        identity = Identity(meta.uid, resource.group, resource.kind, meta.namespace, meta.name)
        self._remember_absent(identity)
        self._run_work(self.graph.remove(meta.uid))

    def _run_work(self, work: Work) -> None:
        for uid in work.delete:
            self.queue.add(uid)
        for uid in work.retry:
            self.queue.add_after(uid, _NEXT_PLACE_SECONDS)
        for uid in work.orphan:
            self._orphans.add(uid)
        for dependent, reference in work.misplaced:
            self._report_misplaced(dependent, reference)

    def _report_misplaced(self, dependent: Node, reference: OwnerReference) -> None:
        """Say that an owner is in another namespace than its dependent (reportInvalidNamespaceOwnerRef)."""
        about = ObjectReference(
            api_version=dependent.api_version,
            kind=dependent.kind,
            namespace=dependent.namespace,
            name=dependent.name,
            uid=dependent.uid,
        )
        owner = (
            f"[{reference.api_version}/{reference.kind}, namespace: {dependent.namespace}, "
            f"name: {reference.name}, uid: {reference.uid}]"
        )
        text = f'ownerRef {owner} does not exist in namespace "{dependent.namespace}"'
        self._recorder.event(about, "Warning", "OwnerRefInvalidNamespace", text)

    def _complete(self, identity: Identity) -> Identity:
        """Return the identity without a namespace if objects of that kind have none."""
        resource = self._monitors.resource_of_group(identity.group, identity.kind)
        is_namespaced = resource is None or resource.namespaced
        return identity if is_namespaced else replace(identity, namespace="")

    def _remember_absent(self, identity: Identity) -> None:
        self._absent[identity] = None
        while len(self._absent) > _ABSENT_KEPT:
            del self._absent[next(iter(self._absent))]
