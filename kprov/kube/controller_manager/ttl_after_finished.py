"""Deletes jobs some time after they have finished (pkg/controller/ttlafterfinished)."""

import time
from typing import Final

from kprov.kube.api.batch import Job
from kprov.kube.client import ApiError, run_workers
from kprov.kube.client.store import split_key
from kprov.kube.component_base import metrics
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.job.conditions import find_finished_condition
from kprov.kube.machinery import timestamps

_DELETION_SECONDS: Final = metrics.histogram(
    "ttl_after_finished_controller_job_deletion_duration_seconds",
    "The time it took to delete the job since it became eligible for deletion",
    buckets=[0.1 * 2**power for power in range(14)],
)


class TtlAfterFinishedController(Controller):
    """Deletes jobs, with their pods, by spec.ttlSecondsAfterFinished."""

    name = "ttl_jobs_to_delete"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._jobs = context.informers.informer("batch", "v1", "jobs", Job)
        self._jobs.add_handler(on_add=self._handle, on_update=lambda _, new: self._handle(new))

    async def run(self) -> None:
        workers = self.context.options.concurrent_ttl_after_finished_syncs
        await run_workers(self.queue, self.sync, workers=workers, name=self.name)

    async def sync(self, key: str) -> None:
        namespace, name = split_key(key)
        shared = self._jobs.get(namespace, name)
        if shared is None or not self._is_expired(shared):
            return
        try:
            # The shared copy may be old: the TTL may be another one now.
            job = await self.resource_of(self._jobs).get(name, namespace=namespace)
        except ApiError as error:
            if error.is_not_found:
                return
            raise
        if self._is_expired(job):
            await self.resource_of(self._jobs).delete(
                name,
                namespace=namespace,
                propagation_policy="Foreground",
                preconditions_uid=job.metadata.uid,
            )
            _DELETION_SECONDS.observe(max(0.0, -(compute_seconds_left(job, time.time()) or 0.0)))

    def _is_expired(self, job: Job) -> bool:
        """Whether the job is to be deleted now. If it is later, adds the key for then."""
        left = None if job.metadata.deletion_timestamp else compute_seconds_left(job, time.time())
        if left is not None and left > 0:
            self.queue.add_after(job.key, left)
        return left is not None and left <= 0

    def _handle(self, job: Job) -> None:
        if not job.metadata.deletion_timestamp and compute_seconds_left(job, 0) is not None:
            self.enqueue(job)


def compute_seconds_left(job: Job, now: float) -> float | None:
    """Seconds until the job is deleted at Unix time `now`. None if it stays, as it runs or has no TTL."""
    ended = find_finished_condition(job)
    ttl = job.spec.ttl_seconds_after_finished
    if ended is None or ttl is None or not ended.last_transition_time:
        return None
    return timestamps.seconds(ended.last_transition_time) + ttl - now
