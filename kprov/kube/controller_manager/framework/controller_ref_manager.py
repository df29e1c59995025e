"""Who controls which objects: owner references, adoption and release (controller_ref_manager)."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import orjson

from kprov.kube.api.meta import LabelSelector, Object, OwnerReference
from kprov.kube.client import ApiError, ResourceClient
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.machinery import selectors
from kprov.kube.machinery.key_bounds import cache_short

log = logging.getLogger(__name__)

Child = TypeVar("Child", bound=Object)


@cache_short(maxsize=2048)
def _parse_selector(text: bytes) -> selectors.LabelSelector:
    return selectors.LabelSelector.from_object(orjson.loads(text))


def parse_selector(selector: LabelSelector | None) -> selectors.LabelSelector:
    """Parse an object's spec.selector. None matches nothing."""
    return _parse_selector(b"null" if selector is None else msgspec.json.encode(selector))


def get_required_labels(selector: LabelSelector | None) -> Mapping[str, str] | None:
    """Return the labels that an object must have to match, besides expressions. None: nothing matches."""
    return None if selector is None else selector.match_labels


def make_controller_reference(owner: Object, api_version: str, kind: str) -> dict[str, Any]:
    """Return the reference that marks `owner` as the one managing controller."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def index_by_owner(obj: Object) -> list[str]:
    """Index by the UID of the controlling owner, or "orphan/NAMESPACE"."""
    reference = obj.metadata.controller()
    return [reference.uid] if reference else [f"orphan/{obj.metadata.namespace}"]


class ControllerRefManager:
    """Adopts orphans that match an owner's selector and releases children that do not match any more."""

    def __init__(
        self,
        owner: Object,
        *,
        api_version: str,
        kind: str,
        selector: selectors.LabelSelector,
        children: ResourceClient[Any],
        is_owner_alive: Callable[[], Awaitable[bool]],
        finalizers: Sequence[str] = (),
    ) -> None:
        """Take the finalizers that a child gets with its adoption and loses with its release."""
        self._owner = owner
        self._reference = make_controller_reference(owner, api_version, kind)
        self._selector = selector
        self._children = children
        self._is_owner_alive = is_owner_alive
        self._finalizers = list(finalizers)
        self._may_adopt: bool | None = None

    async def claim(
        self, candidates: Iterable[Child], *, is_wanted: Callable[[Child], bool] = lambda _: True
    ) -> list[Child]:
        """Adopt and release. Returns the candidates that the owner controls now.

        A child that is not wanted is treated as one that does not match the selector.
        """
        return [child for child in candidates if await self._claim(child, is_wanted(child))]

    async def _claim(self, child: Child, is_wanted: bool) -> bool:
        reference: OwnerReference | None = child.metadata.controller()
        matches = is_wanted and self._selector.matches(child.metadata.labels)
        if reference is not None:
            if reference.uid != self._owner.metadata.uid:
                return False
            if matches:
                return True
            if not self._owner.metadata.deletion_timestamp:
                await self._release(child)
            return False
        if self._owner.metadata.deletion_timestamp or child.metadata.deletion_timestamp or not matches:
            return False
        return await self._adopt(child)

    async def _adopt(self, child: Child) -> bool:
        if self._may_adopt is None:
            # The cached owner may be deleted already: ask the server before the first adoption.
            self._may_adopt = await self._is_owner_alive()
        if not self._may_adopt:
            return False
        change = {"ownerReferences": [self._reference], "uid": child.metadata.uid}
        if self._finalizers:
            change["finalizers"] = self._finalizers
        return await self._patch(child, change)

    async def _release(self, child: Child) -> None:
        log.info("%s no longer matches %s, releasing it", child.key, self._owner.key)
        change = {
            "ownerReferences": [{"$patch": "delete", "uid": self._owner.metadata.uid}],
            "uid": child.metadata.uid,
        }
        if self._finalizers:
            change["$deleteFromPrimitiveList/finalizers"] = self._finalizers
        await self._patch(child, change)

    async def _patch(self, child: Child, metadata: dict[str, Any]) -> bool:
        try:
            await self._children.patch(
                child.metadata.name,
                {"metadata": metadata},
                namespace=child.metadata.namespace,
                patch_type=STRATEGIC_MERGE_PATCH,
            )
        except ApiError as error:
            # The child is deleted or was replaced: the informer will show it.
            if error.is_not_found or error.code == 422:
                return False
            raise
        return True
