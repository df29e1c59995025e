"""The namespace controller: empties namespaces that are being deleted (pkg/controller/namespace)."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import orjson

from kprov.kube.api.core import Namespace
from kprov.kube.api.meta import PartialObjectMetadata
from kprov.kube.client import ApiError, ClientError, WorkQueue
from kprov.kube.client.discovery import ApiResource, Discovery
from kprov.kube.client.store import split_key
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.updates import update_status
from kprov.kube.machinery import timestamps

FINALIZER: Final = "kubernetes"
_AT_ONCE: Final = 8
_GRACE_SECONDS: Final = 0.2
# Most pods and finalizers are gone after the first of these waits. Upstream always waits the longest.
_FIRST_WAIT_SECONDS: Final = 0.5
_LONGEST_WAIT_SECONDS: Final = 8.0
# After errors, as upstream's rate limiter of namespaces.
_LONGEST_RETRY_SECONDS: Final = 60.0
_FINALIZE_ATTEMPTS: Final = 5

log = logging.getLogger(__name__)


class ContentDeletionError(ClientError):
    """Some kinds could not be listed, deleted or discovered. The text has the reasons."""


@dataclass
class _Leftover:
    """The objects that remain after a round of deletions."""

    counts: dict[str, int] = field(default_factory=dict)
    finalizers: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    # Seconds until the last pod should be gone.
    estimate: int = 0


class NamespaceController(Controller):
    """Deletes everything in a terminating namespace, pods first, then removes the finalizer."""

    name = "namespace"
    concurrency = "concurrent_namespace_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._namespaces = context.informers.informer("", "v1", "namespaces", Namespace)
        self._namespaces.add_handler(
            on_add=self._handle_add, on_update=self._handle_update, on_delete=self._handle_delete
        )
        self.queue = WorkQueue(self.name, base_delay=_FIRST_WAIT_SECONDS, max_delay=_LONGEST_RETRY_SECONDS)
        # Rounds that left something, by the UID of the namespace. The queue's own count is not for them: to
        # wait for others is no failure.
        self._rounds: dict[str, int] = {}
        self._discovery = Discovery(self.client)
        self._failed: list[str] = []

    def _handle_add(self, namespace: Namespace) -> None:
        if namespace.metadata.deletion_timestamp:
            # Wait for creations that are under way (namespaceDeletionGracePeriod is 5 s upstream).
            self.queue.add_after(namespace.metadata.name, _GRACE_SECONDS)

    def _handle_update(self, old: Namespace, new: Namespace) -> None:
        """Ignore changes of conditions: each round writes them."""
        if _get_deletion_fields(old) != _get_deletion_fields(new):
            self._handle_add(new)

    def _handle_delete(self, namespace: Namespace) -> None:
        self._rounds.pop(namespace.metadata.uid, None)

    async def sync(self, key: str) -> None:
        cached = self._namespaces.get("", split_key(key)[1])
        if cached is None or not cached.metadata.deletion_timestamp:
            return
        try:
            namespace = await self.resource_of(self._namespaces).get(cached.metadata.name)
        except ApiError as error:
            if error.is_not_found:
                return
            raise
        if namespace.metadata.uid != cached.metadata.uid or FINALIZER not in namespace.spec.finalizers:
            return
        resources = await self._list_deletable()
        left = await self._delete_content(namespace.metadata.name, resources)
        await self._report(namespace, left)
        if left.errors or self._failed:
            raise ContentDeletionError("; ".join([*left.errors, *self._failed]))
        if left.counts:
            self.queue.add_after(key, self._wait_seconds(namespace, left))
            return
        await self._finalize(namespace)

    def _wait_seconds(self, namespace: Namespace, left: _Leftover) -> float:
        """Seconds until the next round. They grow up to half the time that pods or finalizers need."""
        longest = left.estimate / 2 + 1 if left.estimate else _LONGEST_WAIT_SECONDS
        rounds = self._rounds.get(namespace.metadata.uid, 0)
        self._rounds[namespace.metadata.uid] = rounds + 1
        return float(min(_FIRST_WAIT_SECONDS * 2 ** min(rounds, 10), longest))

    async def _list_deletable(self) -> list[ApiResource]:
        """Ask each time: the objects of a kind that is missing here would stay for ever."""
        discovery = await self._discovery.discover()
        self._failed = list(discovery.failed)
        return [
            resource
            for resource in discovery.resources
            if resource.namespaced and {"list", "delete"} <= resource.verbs
        ]

    async def _delete_content(self, namespace: str, resources: Sequence[ApiResource]) -> _Leftover:
        left = _Leftover()
        pods = [resource for resource in resources if (resource.group, resource.plural) == ("", "pods")]
        await self._delete_kinds(namespace, pods, left)
        if left.counts:
            # Pods may need secrets and network policies until they end.
            return left
        await self._delete_kinds(
            namespace, [resource for resource in resources if resource not in pods], left
        )
        return left

    async def _delete_kinds(self, namespace: str, resources: Sequence[ApiResource], left: _Leftover) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def delete_kind(resource: ApiResource) -> None:
            async with gate:
                try:
                    await self._delete_kind(namespace, resource, left)
                except ClientError as error:
                    left.errors.append(f"{resource.plural}.{resource.group}: {error}")

        await asyncio.gather(*(delete_kind(resource) for resource in resources))

    async def _delete_kind(self, namespace: str, resource: ApiResource, left: _Leftover) -> None:
        objects = self.client.resource(
            resource.group, resource.version, resource.plural, PartialObjectMetadata
        )
        try:
            if not (await objects.list(namespace, limit=1)).items:
                return
            if "deletecollection" in resource.verbs:
                await objects.delete_collection(namespace=namespace)
            else:
                for item in await objects.list(namespace):
                    await _delete(objects, item)
            items = (await objects.list(namespace)).items or []
        except ApiError as error:
            if error.code in {404, 405}:
                return
            raise
        if items:
            label = f"{resource.plural}.{resource.group}"
            left.counts[label] = len(items)
            for item in items:
                for finalizer in item.metadata.finalizers:
                    left.finalizers[finalizer] = left.finalizers.get(finalizer, 0) + 1
                if resource.plural == "pods":
                    left.estimate = max(left.estimate, item.metadata.deletion_grace_period_seconds or 0)

    async def _report(self, namespace: Namespace, left: _Leftover) -> None:
        conditions = _make_conditions(namespace, left, self._failed, timestamps.now())
        if conditions == [msgspec.to_builtins(entry) for entry in namespace.status.conditions]:
            return
        try:
            await update_status(self.resource_of(self._namespaces), namespace, {"conditions": conditions})
        except ApiError as error:
            # Conditions only inform: without them the deletion goes on, as upstream's.
            if not error.is_not_found:
                log.warning("namespace %s: conditions: %s", namespace.metadata.name, error)

    async def _finalize(self, namespace: Namespace) -> None:
        path = f"/api/v1/namespaces/{namespace.metadata.name}"
        for attempt in range(_FINALIZE_ATTEMPTS):
            try:
                current = orjson.loads(await self.client.request("GET", path))
                if current["metadata"]["uid"] != namespace.metadata.uid:
                    return
                spec = current.setdefault("spec", {})
                spec["finalizers"] = [
                    finalizer for finalizer in spec.get("finalizers") or [] if finalizer != FINALIZER
                ]
                await self.client.request("PUT", f"{path}/finalize", body=current)
            except ApiError as error:
                if error.is_not_found:
                    return
                # The namespace stays empty: nothing has to be listed again.
                if not error.is_conflict or attempt + 1 == _FINALIZE_ATTEMPTS:
                    raise
            else:
                return


def _get_deletion_fields(namespace: Namespace) -> object:
    """Return the fields on which a round depends."""
    meta = namespace.metadata
    return meta.uid, meta.deletion_timestamp, namespace.spec.finalizers


async def _delete(objects: Any, item: PartialObjectMetadata) -> None:
    try:
        await objects.delete(
            item.metadata.name, namespace=item.metadata.namespace, propagation_policy="Background"
        )
    except ApiError as error:
        if not error.is_not_found:
            raise


def _make_conditions(
    namespace: Namespace, left: _Leftover, failed: Sequence[str], now: str
) -> list[dict[str, Any]]:
    """Return the five conditions that describe why a namespace is not deleted yet."""
    remaining = ", ".join(f"{kind} has {count} resource instances" for kind, count in left.counts.items())
    held = ", ".join(f"{name} in {count} resource instances" for name, count in left.finalizers.items())
    table = (
        (
            "NamespaceDeletionDiscoveryFailure",
            failed,
            "DiscoveryFailed",
            f"Discovery failed for some groups, {len(failed)} failing: {', '.join(failed)}",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            False,
            "GroupVersionParsingFailed",
            "",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            left.errors,
            "ContentDeletionFailed",
            f"Failed to delete all resource types, {len(left.errors)} remaining: {', '.join(left.errors)}",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "NamespaceContentRemaining",
            left.counts,
            "SomeResourcesRemain",
            f"Some resources are remaining: {remaining}",
            "ContentRemoved",
            "All content successfully removed",
        ),
        (
            "NamespaceFinalizersRemaining",
            left.finalizers,
            "SomeFinalizersRemain",
            f"Some content in the namespace has finalizers remaining: {held}",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ),
    )
    known = {entry.type: entry for entry in namespace.status.conditions}
    result = []
    for kind, broken, bad, bad_text, good, good_text in table:
        status = "True" if broken else "False"
        old = known.get(kind)
        since = old.last_transition_time if old is not None and old.status == status else now
        result.append(
            {
                "type": kind,
                "status": status,
                "reason": bad if broken else good,
                "message": bad_text if broken else good_text,
                "lastTransitionTime": since,
            }
        )
    return result
