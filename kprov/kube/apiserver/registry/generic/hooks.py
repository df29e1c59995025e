"""Work before and after a write that needs storage, such as the allocation of cluster IPs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

#: Called once after the write, with True if the object was stored.
Finish = Callable[[bool], Awaitable[None]]


async def do_nothing(stored: bool) -> None:
    """Do nothing: the Finish of a hook that has nothing to undo."""


class Hooks:
    """As upstream's BeginCreate, BeginUpdate and AfterDelete. They store nothing if context.dry_run is set.

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
        """Field rules that need storage or the user. Their errors come before those of the strategy."""
        return ()

    async def after_delete(self, context: RequestContext, obj: JsonObject) -> None:
        """Handle that the object is gone from storage."""

    def decorate(self, obj: JsonObject) -> None:
        """Change the answer to a write or get. Lists and watches do not call it."""
