"""Metrics of the job controller, by upstream's names (pkg/controller/job/metrics)."""

from typing import Final

from kprov.kube.component_base import metrics

SYNC_SECONDS: Final = metrics.histogram(
    "job_controller_job_sync_duration_seconds",
    "The time it took to sync a job",
    ["completion_mode", "result", "action"],
    [0.004 * 2**power for power in range(15)],
)
SYNCS: Final = metrics.counter(
    "job_controller_job_syncs_total",
    "The number of job syncs",
    ["completion_mode", "result", "action"],
)
FINISHED: Final = metrics.counter(
    "job_controller_jobs_finished_total",
    "The number of finished jobs",
    ["completion_mode", "result", "reason"],
)
EXTERNALLY_MANAGED: Final = metrics.counter(
    "job_controller_jobs_by_external_controller_total",
    "The number of Jobs managed by an external controller",
    ["controller_name"],
)
PODS_FINISHED: Final = metrics.counter(
    "job_controller_job_pods_finished_total",
    "The number of finished Pods that are fully tracked",
    ["completion_mode", "result"],
)
POLICY_FAILURES: Final = metrics.counter(
    "job_controller_pod_failures_handled_by_failure_policy_total",
    "The number of failed Pods by the action of the pod failure policy that matched",
    ["action"],
)
TRACKED_PODS: Final = metrics.counter(
    "job_controller_terminated_pods_tracking_finalizer_total",
    "The number of terminated pods (phase=Failed|Succeeded) that have the tracking finalizer",
    ["event"],
)
INDEXES_FINISHED: Final = metrics.counter(
    "job_controller_job_finished_indexes_total",
    "The number of finished indexes",
    ["status", "backoffLimit"],
)
PODS_CREATED: Final = metrics.counter(
    "job_controller_job_pods_creation_total",
    "The number of Pods created by the Job controller, by the reason of their creation",
    ["reason", "status"],
)
STALE_SYNCS: Final = metrics.counter(
    "job_controller_stale_sync_skips_total",
    "Total number of Job syncs skipped due to a stale watch cache.",
    ["group", "resource"],
)
