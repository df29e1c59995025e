"""Cells of workloads, their budgets and autoscalers.

Source: upstream pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.printers import cells
from kprov.kube.machinery.printers.cells import NONE, UNKNOWN, UNSET, Cells, since


def _workload(obj: JsonMapping) -> Cells:
    return [
        *cells.containers(cells.template(cells.spec(obj))),
        cells.selector(cells.spec(obj).get("selector")),
    ]


def pod_template(obj: JsonMapping, now: float) -> Cells:
    del now
    held = obj.get("template") or {}
    names_images = cells.containers(held.get("spec") or {})
    return [cells.name(obj), *names_images, cells.labels((held.get("metadata") or {}).get("labels"))]


def disruption_budget(obj: JsonMapping, now: float) -> Cells:
    spec = cells.spec(obj)
    return [
        cells.name(obj),
        str(spec["minAvailable"]) if spec.get("minAvailable") is not None else "N/A",
        str(spec["maxUnavailable"]) if spec.get("maxUnavailable") is not None else "N/A",
        cells.status(obj).get("disruptionsAllowed", 0),
        cells.age(obj, now),
    ]


def replica_set(obj: JsonMapping, now: float) -> Cells:
    status = cells.status(obj)
    counts = [cells.spec(obj).get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [cells.name(obj), *counts, cells.age(obj, now), *_workload(obj)]


def replication_controller(obj: JsonMapping, now: float) -> Cells:
    row = replica_set({**obj, "spec": {**cells.spec(obj), "selector": None}}, now)
    return [*row[:-1], cells.labels(cells.spec(obj).get("selector"))]


def daemon_set(obj: JsonMapping, now: float) -> Cells:
    status = cells.status(obj)
    fields = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    node_selector = cells.labels(cells.template(cells.spec(obj)).get("nodeSelector"))
    counts = [status.get(field, 0) for field in fields]
    return [cells.name(obj), *counts, node_selector, cells.age(obj, now), *_workload(obj)]


def _ready_of(obj: JsonMapping) -> str:
    return f"{cells.status(obj).get('readyReplicas', 0)}/{cells.spec(obj).get('replicas', 0)}"


def deployment(obj: JsonMapping, now: float) -> Cells:
    status = cells.status(obj)
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    return [cells.name(obj), _ready_of(obj), *counts, cells.age(obj, now), *_workload(obj)]


def stateful_set(obj: JsonMapping, now: float) -> Cells:
    return [cells.name(obj), _ready_of(obj), cells.age(obj, now), *_workload(obj)[:2]]


def controller_revision(obj: JsonMapping, now: float) -> Cells:
    owners = obj["metadata"].get("ownerReferences") or ()
    owner = next((reference for reference in owners if reference.get("controller")), None)
    controller = NONE
    if owner is not None:
        group = owner["apiVersion"].rpartition("/")[0]
        kind = owner["kind"].lower() + (f".{group}" if group else "")
        controller = f"{kind}/{owner['name']}"
    return [cells.name(obj), controller, obj.get("revision", 0), cells.age(obj, now)]


_JOB_STATES = {
    "Complete": "Complete",
    "Failed": "Failed",
    "": "Terminating",
    "Suspended": "Suspended",
    "FailureTarget": "FailureTarget",
    "SuccessCriteriaMet": "SuccessCriteriaMet",
}


def job(obj: JsonMapping, now: float) -> Cells:
    spec, status = cells.spec(obj), cells.status(obj)
    succeeded, parallelism = status.get("succeeded", 0), spec.get("parallelism") or 0
    if spec.get("completions") is not None:
        completions = f"{succeeded}/{spec['completions']}"
    else:
        completions = f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"
    start, end = status.get("startTime"), status.get("completionTime")
    duration = ""
    if start:
        duration = cells.since(start, timestamps.seconds(end) if end else now)
    true = {
        condition["type"] for condition in status.get("conditions") or () if condition.get("status") == "True"
    }
    if obj["metadata"].get("deletionTimestamp"):
        true.add("")
    state = next((text for kind, text in _JOB_STATES.items() if kind in true), "Running")
    return [cells.name(obj), state, completions, duration, cells.age(obj, now), *_workload(obj)]


def cron_job(obj: JsonMapping, now: float) -> Cells:
    spec, status = cells.spec(obj), cells.status(obj)
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    last = status.get("lastScheduleTime")
    suspend = spec.get("suspend")
    return [
        cells.name(obj),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        UNSET if suspend is None else str(suspend),
        len(status.get("active") or ()),
        since(last, now) if last else NONE,
        cells.age(obj, now),
        *cells.containers(cells.template(job)),
        cells.selector(job.get("selector")),
    ]


def autoscaler(obj: JsonMapping, now: float) -> Cells:
    spec, status = cells.spec(obj), cells.status(obj)
    target = spec.get("scaleTargetRef") or {}
    minimum = spec.get("minReplicas")
    return [
        cells.name(obj),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _metrics(spec, status),
        UNSET if minimum is None else str(minimum),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        cells.age(obj, now),
    ]


def _metrics(spec: JsonMapping, status: JsonMapping) -> str:
    metrics, current = spec.get("metrics") or [], status.get("currentMetrics") or []
    if spec.get("targetCPUUtilizationPercentage") is not None:  # autoscaling/v1
        held = status.get("currentCPUUtilizationPercentage")
        percent = UNKNOWN if held is None else f"{held}%"
        return f"cpu: {percent}/{spec['targetCPUUtilizationPercentage']}%"
    if not metrics:
        return NONE
    shown = [
        _metric(metric, current[index] if index < len(current) else {})
        for index, metric in enumerate(metrics)
    ]
    text = ", ".join(shown[:2])
    return f"{text} + {len(shown) - 2} more..." if len(shown) > 2 else text


def _metric(metric: JsonMapping, status: JsonMapping) -> str:
    field = metric.get("type", "")[:1].lower() + metric.get("type", "")[1:]
    wanted, held = metric.get(field), (status.get(field) or {}).get("current") or {}
    if not wanted:
        return "<unknown type>"
    target = wanted.get("target") or {}
    if field in {"resource", "containerResource"}:
        if target.get("averageValue") is not None:
            return f"{wanted['name']}: {held.get('averageValue', UNKNOWN)}/{target['averageValue']}"
        used, aim = held.get("averageUtilization"), target.get("averageUtilization")
        left = UNKNOWN if used is None else f"{used}%"
        return f"{wanted['name']}: {left}/{'<auto>' if aim is None else f'{aim}%'}"
    if target.get("averageValue") is not None:
        suffix = "" if field == "pods" else " (avg)"
        return f"{held.get('averageValue', UNKNOWN)}/{target['averageValue']}{suffix}"
    return f"{held.get('value', UNKNOWN)}/{target.get('value', '')}"
