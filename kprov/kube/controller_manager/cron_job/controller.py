"""The cron job controller (pkg/controller/cronjob/cronjob_controllerv2.go)."""

import copy
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from kprov.kube.api.batch import CronJob, Job
from kprov.kube.client import ApiError, reference, run_workers
from kprov.kube.client.store import split_key
from kprov.kube.component_base import metrics
from kprov.kube.controller_manager.cron_job import times
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.controller_ref_manager import (
    index_by_owner,
    make_controller_reference,
)
from kprov.kube.controller_manager.job import conditions
from kprov.kube.machinery import status, timestamps
from kprov.kube.machinery.cron.parser import ScheduleError
from kprov.kube.machinery.cron.schedule import Schedule
from kprov.kube.machinery.cron.zones import ZoneError, load_zone
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

API_VERSION: Final = "batch/v1"
KIND: Final = "CronJob"
SCHEDULED: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_DOCUMENTATION: Final = "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/"

_SKEW_SECONDS: Final = metrics.histogram(
    "cronjob_controller_job_creation_skew_duration_seconds",
    "Time between when a cronjob is scheduled to be run, and when the corresponding job is created",
    buckets=[2**power for power in range(10)],
)


class CronJobController(Controller):
    """Creates a job at each time of a schedule."""

    name = "cronjob"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._recorder = context.make_recorder("cronjob-controller")
        self._cron_jobs = context.informers.informer("batch", "v1", "cronjobs", CronJob)
        self._jobs = context.informers.informer(
            "batch", "v1", "jobs", Job, indexers={"owner": index_by_owner}
        )
        self._cron_jobs.add_handler(
            on_add=self.enqueue, on_update=self._handle_update, on_delete=self.enqueue
        )
        self._jobs.add_handler(
            on_add=self._handle_job,
            on_update=self._handle_job_update,
            on_delete=self._handle_job,
        )

    async def run(self) -> None:
        workers = self.context.options.concurrent_cron_job_syncs
        await run_workers(self.queue, self.sync, workers=workers, name=self.name)

    async def sync(self, key: str) -> None:
        shared = self._cron_jobs.get(*split_key(key))
        if shared is None:
            return
        # The status is written once, at the end.
        cron_job = msgspec.structs.replace(
            shared,
            metadata=msgspec.structs.replace(shared.metadata),
            status=copy.deepcopy(shared.status),
        )
        jobs = self._jobs.by_index("owner", cron_job.metadata.uid)
        await self._delete_old_jobs(cron_job, jobs)
        wait: float | None = None
        try:
            await self._check_active(cron_job, jobs)
            if not cron_job.metadata.deletion_timestamp:
                wait = await self._start_due_job(cron_job)
        finally:
            if cron_job.status != shared.status:
                document = msgspec.to_builtins(cron_job) | {"apiVersion": API_VERSION, "kind": KIND}
                await self.resource_of(self._cron_jobs).update(document, subresource="status")
        if wait is not None:
            self.queue.add_after(key, wait)

    async def _delete_old_jobs(self, cron_job: CronJob, jobs: Sequence[Job]) -> None:
        """Keep so many finished jobs as the history limits say."""
        for kind, limit in (
            (conditions.COMPLETE, cron_job.spec.successful_jobs_history_limit),
            (conditions.FAILED, cron_job.spec.failed_jobs_history_limit),
        ):
            ended = [
                job
                for job in jobs
                if (finished_condition := conditions.find_finished_condition(job)) is not None
                and finished_condition.type == kind
            ]
            if limit is not None and len(ended) > limit:
                # Jobs without a start time count as the newest.
                ended.sort(key=lambda job: (job.status.start_time or "~", job.metadata.name))
                for job in ended[: len(ended) - limit]:
                    await self._delete_job(cron_job, job)

    async def _check_active(self, cron_job: CronJob, jobs: Sequence[Job]) -> None:
        """Remove jobs from status.active that have finished or are gone."""
        for job in jobs:
            is_active = _is_active(cron_job, job.metadata.uid)
            ended = conditions.find_finished_condition(job)
            if ended is None:
                if not is_active and not await self._is_active_on_server(cron_job, job):
                    text = f"Saw a job that the controller did not create or forgot: {job.metadata.name}"
                    self._record(cron_job, "Warning", "UnexpectedJob", text)
                continue
            if is_active:
                _remove_active(cron_job, job.metadata.uid)
                text = f"Saw completed job: {job.metadata.name}, condition: {ended.type}"
                self._record(cron_job, "Normal", "SawCompletedJob", text)
            if ended.type == conditions.COMPLETE and job.status.completion_time:
                last = cron_job.status.last_successful_time or ""
                cron_job.status.last_successful_time = max(last, job.status.completion_time)
        known = {job.metadata.uid for job in jobs}
        for entry in list(cron_job.status.active):
            if entry.get("uid") not in known and await self._get_job(cron_job, entry["name"]) is None:
                _remove_active(cron_job, entry.get("uid", ""))
                text = f"Active job went missing: {entry['name']}"
                self._record(cron_job, "Normal", "MissingJob", text)

    async def _is_active_on_server(self, cron_job: CronJob, job: Job) -> bool:
        """Whether the server's status names the job: the shared cron job may be older than the jobs."""
        meta = cron_job.metadata
        fresh = await self.resource_of(self._cron_jobs).get(meta.name, namespace=meta.namespace)
        if not _is_active(fresh, job.metadata.uid):
            return False
        cron_job.status = fresh.status
        meta.resource_version = fresh.metadata.resource_version
        return True

    async def _start_due_job(self, cron_job: CronJob) -> float | None:
        """Create the job that is due. Returns the seconds until the next sync, None for no further one."""
        schedule = self._load_schedule(cron_job)
        if schedule is None:
            return None
        now = datetime.now(UTC)
        try:
            missed = times.find_missed(cron_job, schedule, now, in_deadline=True)
        except ScheduleError as error:
            text = f"invalid schedule: {cron_job.spec.schedule} : {error}"
            self._record(cron_job, "Warning", "InvalidSchedule", text)
            return None
        if missed.latest is not None:
            if missed.count > times.MANY:
                text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check"
                self._record(cron_job, "Warning", "TooManyMissedTimes", f"{text} clock skew")
            if self._may_start(cron_job, missed.latest, now) and not await self._start(
                cron_job, missed.latest
            ):
                return None
        return times.compute_wait(cron_job, schedule, now)

    def _load_schedule(self, cron_job: CronJob) -> Schedule | None:
        """Return the schedule, or None if the cron job is suspended or cannot run."""
        spec = cron_job.spec
        try:
            load_zone(spec.time_zone or "")
        except ZoneError as error:
            text = f"invalid timeZone: {status.quoted(spec.time_zone or '')}: {error}"
            self._record(cron_job, "Warning", "UnknownTimeZone", text)
            return None
        if spec.suspend:
            return None
        shown = status.quoted(spec.schedule)
        if "TZ" in spec.schedule:
            text = f"CRON_TZ or TZ used in schedule {shown} is not officially supported, see"
            self._record(
                cron_job, "Warning", "UnsupportedSchedule", f"{text} {_DOCUMENTATION} for more details"
            )
        try:
            return times.load_schedule(cron_job)
        except ScheduleError as error:
            text = f"unparseable schedule: {shown} : {error}"
            self._record(cron_job, "Warning", "UnparseableSchedule", text)
            return None

    def _may_start(self, cron_job: CronJob, scheduled: datetime, now: datetime) -> bool:
        if times.is_too_late(cron_job, scheduled, now):
            shown = scheduled.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S UTC")
            text = f"Missed scheduled time to start a job: {shown}"
            self._record(cron_job, "Warning", "MissSchedule", text)
            return False
        name = times.make_job_name(cron_job, scheduled)
        if any(entry.get("name") == name for entry in cron_job.status.active):
            return False
        if cron_job.status.last_schedule_time == timestamps.show(scheduled):
            return False
        if cron_job.spec.concurrency_policy == "Forbid" and cron_job.status.active:
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._record(cron_job, "Normal", "JobAlreadyActive", text)
            return False
        return True

    async def _start(self, cron_job: CronJob, scheduled: datetime) -> bool:
        """Create the job and add it to status.active. Returns whether the controller goes on."""
        if cron_job.spec.concurrency_policy == "Replace":
            await self._replace_active(cron_job)
        job = await self._create_job(cron_job, scheduled)
        if job is None:
            return False
        cron_job.status.active.append(msgspec.to_builtins(reference(job, API_VERSION, "Job")))
        cron_job.status.last_schedule_time = timestamps.show(scheduled)
        return True

    async def _replace_active(self, cron_job: CronJob) -> None:
        for entry in list(cron_job.status.active):
            try:
                job = await self.resource_of(self._jobs).get(
                    entry["name"], namespace=cron_job.metadata.namespace
                )
            except ApiError as error:
                self._record(cron_job, "Warning", "FailedGet", f"Get job: {error}")
                raise
            if failure := await self._delete_job(cron_job, job):
                raise failure

    async def _create_job(self, cron_job: CronJob, scheduled: datetime) -> Job | None:
        """Return the job of that time. None if it exists and its status needs no change."""
        body = build_job(cron_job, scheduled)
        try:
            job = await self.resource_of(self._jobs).create(body, namespace=cron_job.metadata.namespace)
        except ApiError as error:
            if error.is_already_exists:
                return await self._find_created(cron_job, body["metadata"]["name"])
            if not error.is_namespace_terminating:
                self._record(cron_job, "Warning", "FailedCreate", f"Error creating job: {error}")
            raise
        created = timestamps.seconds(job.metadata.creation_timestamp or timestamps.now())
        _SKEW_SECONDS.observe(created - scheduled.timestamp())
        self._record(cron_job, "Normal", "SuccessfulCreate", f"Created job {job.metadata.name}")
        return job

    async def _find_created(self, cron_job: CronJob, name: str) -> Job | None:
        """Return the job that this controller created before it could write the status."""
        job = await self.resource_of(self._jobs).get(name, namespace=cron_job.metadata.namespace)
        owner = job.metadata.controller()
        if owner is None or owner.uid != cron_job.metadata.uid or _is_active(cron_job, job.metadata.uid):
            return None
        return job

    async def _get_job(self, cron_job: CronJob, name: str) -> Job | None:
        try:
            return await self.resource_of(self._jobs).get(name, namespace=cron_job.metadata.namespace)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    async def _delete_job(self, cron_job: CronJob, job: Job) -> ApiError | None:
        """Delete a job and its pods. Returns the error that prevents it."""
        try:
            await self.resource_of(self._jobs).delete(
                job.metadata.name, namespace=job.metadata.namespace, propagation_policy="Background"
            )
        except ApiError as error:
            self._record(cron_job, "Warning", "FailedDelete", f"Deleted job: {error}")
            log.warning("job %s: %s", job.key, error)
            return error
        _remove_active(cron_job, job.metadata.uid)
        self._record(cron_job, "Normal", "SuccessfulDelete", f"Deleted job {job.metadata.name}")
        return None

    def _handle_update(self, old: CronJob, new: CronJob) -> None:
        if (old.spec.schedule, old.spec.time_zone) == (new.spec.schedule, new.spec.time_zone):
            self.enqueue(new)
            return
        try:
            wait = times.compute_wait(new, times.load_schedule(new), datetime.now(UTC))
        except ScheduleError:
            text = f"unparseable schedule for cronjob: {new.spec.schedule}"
            self._record(new, "Warning", "UnParseableCronJobSchedule", text)
            return
        if wait is not None:
            self.queue.add_after(new.key, wait)

    def _handle_job_update(self, old: Job, new: Job) -> None:
        self._handle_job(old)
        self._handle_job(new)

    def _handle_job(self, job: Job) -> None:
        owner = job.metadata.controller()
        if owner is None or owner.kind != KIND:
            return
        cron_job = self._cron_jobs.get(job.metadata.namespace, owner.name)
        if cron_job is not None and cron_job.metadata.uid == owner.uid:
            self.enqueue(cron_job)

    def _record(
        self, cron_job: CronJob, kind: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        self._recorder.event(reference(cron_job, API_VERSION, KIND), kind, reason, message)


def build_job(cron_job: CronJob, scheduled: datetime) -> JsonObject:
    """Return the job of a scheduled time (getJobFromTemplate2)."""
    template: dict[str, Any] = cron_job.spec.job_template
    metadata = template.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {})}
    annotations[SCHEDULED] = times.show_scheduled(cron_job, scheduled)
    return {
        "apiVersion": API_VERSION,
        "kind": "Job",
        "metadata": {
            "name": times.make_job_name(cron_job, scheduled),
            "labels": metadata.get("labels") or {},
            "annotations": annotations,
            "ownerReferences": [make_controller_reference(cron_job, API_VERSION, KIND)],
        },
        "spec": template.get("spec") or {},
    }


def _is_active(cron_job: CronJob, uid: str) -> bool:
    return any(entry.get("uid") == uid for entry in cron_job.status.active)


def _remove_active(cron_job: CronJob, uid: str) -> None:
    cron_job.status.active = [entry for entry in cron_job.status.active if entry.get("uid") != uid]
