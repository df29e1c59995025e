"""DefaultBinder: writes the pod's binding to the API server."""

from __future__ import annotations

from kprov.kube.client.errors import ApiError
from kprov.kube.scheduler.binding.pod_binder import PodBinder
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, PodGoneError
from kprov.kube.scheduler.framework.status import SKIP, Status


class DefaultBinder(Plugin):
    name = "DefaultBinder"

    def __init__(self, binder: PodBinder | None = None) -> None:
        """Create the plugin. Without a binder it binds nothing."""
        self._binder = binder

    async def bind(self, cycle: CycleState, node: str) -> Status | None:
        if self._binder is None:
            return SKIP
        try:
            await self._binder.bind(cycle.info.pod, node)
        except ApiError as error:
            if error.is_not_found:
                raise PodGoneError(str(error)) from error
            raise
        return None
