"""Work around a write that needs storage itself: ClusterIP and port allocation, quota, finalisation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

#: Called once after the write was tried: True when the object was stored, False when it was not.
Finish = Callable[[bool], Awaitable[None]]


async def do_nothing(stored: bool) -> None:
    """The Finish of a hook that has nothing to undo."""


class Hooks:
    """As upstream's BeginCreate, BeginUpdate, AfterDelete. With context.dry_run nothing may be kept.

    begin_* run after defaults and the admission that changes objects, before the strategy prepares and
    validates; they may change `obj` (e.g. fill in spec.clusterIP) and refuse with StatusError.
    """

    async def begin_create(self, context: RequestContext, obj: JsonObject) -> Finish:
        return do_nothing

    async def begin_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> Finish:
        return do_nothing

    async def validate(
        self, context: RequestContext, obj: JsonObject, old: JsonObject | None, subresource: str
    ) -> Sequence[FieldError]:
        """Field rules that need storage or the user; of a prepared object, told before all other rules."""
        return ()

    async def after_delete(self, context: RequestContext, obj: JsonObject) -> None:
        """The object is gone from storage."""

    def decorate(self, obj: JsonObject) -> None:
        """Change what a read returns; not stored. Not called on lists and watches that pass bytes through."""
