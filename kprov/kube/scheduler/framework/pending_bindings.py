"""Pods that have a node and are not bound yet. Preemption cancels their binding instead of deleting them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from kprov.kube.component_base.tasks import start_task
from kprov.kube.scheduler.framework.waiting_pods import WaitingPods


class PendingBindings:
    """The pods that Permit holds, and those in PreBind."""

    def __init__(self, waiting_pods: WaitingPods | None = None) -> None:
        self.waiting_pods = waiting_pods or WaitingPods()
        self._pre_binds: dict[str, asyncio.Task[None]] = {}

    def cancel(self, uid: str) -> bool:
        """Preempt a pod that waits in Permit or PreBind. Return False if it does not."""
        waiting = self.waiting_pods.get(uid)
        if waiting is not None:
            return waiting.preempt("DefaultPreemption", "preempted")
        task = self._pre_binds.get(uid)
        return task is not None and task.cancel()

    async def run_pre_bind(self, uid: str, work: Coroutine[Any, Any, None]) -> bool:
        """Run PreBind of a pod. Return False if `cancel` stopped it."""
        task = self._pre_binds[uid] = start_task(work, f"PreBind of pod {uid}")
        try:
            await task
        except asyncio.CancelledError:
            if not _is_only_task_cancelled(task):
                raise
            return False
        finally:
            del self._pre_binds[uid]
        return True


def _is_only_task_cancelled(task: asyncio.Task[None]) -> bool:
    """Whether the task was cancelled, and the current task, which waits for it, was not."""
    current = asyncio.current_task()
    return task.cancelled() and current is not None and not current.cancelling()
