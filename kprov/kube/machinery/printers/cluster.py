"""Cells of nodes, events, access and configuration.

Source: upstream pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.printers import cells
from kprov.kube.machinery.printers.cells import NONE, UNKNOWN, UNSET, Cells, since
from kprov.kube.machinery.quantity import canonical

_ROLE_PREFIX = "node-role.kubernetes.io/"


def node(obj: JsonMapping, now: float) -> Cells:
    status = cells.status(obj)
    ready = next(
        (condition for condition in status.get("conditions") or () if condition["type"] == "Ready"), None
    )
    state = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    if cells.spec(obj).get("unschedulable"):
        state += ",SchedulingDisabled"
    roles = set()
    for key, value in (obj["metadata"].get("labels") or {}).items():
        if key.startswith(_ROLE_PREFIX):
            roles.add(key.removeprefix(_ROLE_PREFIX))
        elif key == "kubernetes.io/role":
            roles.add(value)
    info = status.get("nodeInfo") or {}
    kernel = info.get("kernelVersion") or UNKNOWN
    if info.get("architecture"):
        kernel += f" ({info['architecture']})"
    addresses = status.get("addresses") or ()

    def address(kind: str) -> str:
        return next((address["address"] for address in addresses if address["type"] == kind), NONE)

    return [
        cells.name(obj),
        state,
        ",".join(sorted(role for role in roles if role)) or NONE,
        cells.age(obj, now),
        info.get("kubeletVersion", ""),
        address("InternalIP"),
        address("ExternalIP"),
        info.get("osImage") or UNKNOWN,
        kernel,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def event(obj: JsonMapping, now: float) -> Cells:
    """Accept both core/v1 and events.k8s.io/v1."""
    first = since(
        obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime"), now
    )
    last_time = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    last = since(last_time, now) if last_time else first
    count = obj.get("count") or obj.get("deprecatedCount") or 1
    series = obj.get("series")
    if series:
        last, count = since(series.get("lastObservedTime"), now), series.get("count", 0)
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    component = (
        source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    )
    instance = source.get("host") or obj.get("reportingInstance") or ""
    kind = about.get("kind", "").lower()
    return [
        last,
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{kind}/{about['name']}" if about.get("name") else kind,
        about.get("fieldPath", ""),
        f"{component}, {instance}" if instance else component,
        (obj.get("message") or obj.get("note") or "").strip(),
        first,
        count,
        cells.name(obj),
    ]


def component_status(obj: JsonMapping, now: float) -> Cells:
    del now
    healthy = next(
        (condition for condition in obj.get("conditions") or () if condition["type"] == "Healthy"), None
    )
    if healthy is None:
        return [cells.name(obj), "Unknown", "", ""]
    state = "Healthy" if healthy.get("status") == "True" else "Unhealthy"
    return [cells.name(obj), state, healthy.get("message", ""), healthy.get("error", "")]


def resource_quota(obj: JsonMapping, now: float) -> Cells:
    status = cells.status(obj)
    used = status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for name, hard in sorted((status.get("hard") or {}).items()):
        column = limits if name.startswith("limits.") else requests
        column.append(f"{name}: {canonical(used.get(name, '0'))}/{canonical(hard)}")
    return [cells.name(obj), ", ".join(requests), ", ".join(limits), cells.age(obj, now)]


def binding(obj: JsonMapping, now: float) -> Cells:
    role = obj.get("roleRef") or {}
    users, groups, accounts = [], [], []
    for subject in obj.get("subjects") or ():
        match subject.get("kind"):
            case "User":
                users.append(subject["name"])
            case "Group":
                groups.append(subject["name"])
            case "ServiceAccount":
                accounts.append(f"{subject.get('namespace', '')}/{subject['name']}")
    subjects = [", ".join(users), ", ".join(groups), ", ".join(accounts)]
    return [cells.name(obj), f"{role.get('kind', '')}/{role.get('name', '')}", cells.age(obj, now), *subjects]


def signing_request(obj: JsonMapping, now: float) -> Cells:
    spec, status = cells.spec(obj), cells.status(obj)
    kinds = {condition["type"] for condition in status.get("conditions") or ()}
    state = "Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"
    state += (",Failed" if "Failed" in kinds else "") + (",Issued" if status.get("certificate") else "")
    seconds = spec.get("expirationSeconds")
    duration = NONE if seconds is None else cells.human_duration(seconds)
    signer = spec.get("signerName") or NONE
    return [cells.name(obj), cells.age(obj, now), signer, spec.get("username", ""), duration, state]


def priority_class(obj: JsonMapping, now: float) -> Cells:
    shown = [obj.get("value", 0), obj.get("globalDefault", False)]
    return [cells.name(obj), *shown, cells.age(obj, now), obj.get("preemptionPolicy", "")]


def flow_schema(obj: JsonMapping, now: float) -> Cells:
    spec = cells.spec(obj)
    conditions = cells.status(obj).get("conditions") or ()
    dangling = next(
        (condition.get("status", "") for condition in conditions if condition["type"] == "Dangling"), "?"
    )
    return [
        cells.name(obj),
        (spec.get("priorityLevelConfiguration") or {}).get("name", ""),
        spec.get("matchingPrecedence", 0),
        (spec.get("distinguisherMethod") or {}).get("type") or NONE,
        cells.age(obj, now),
        dangling,
    ]


def priority_level(obj: JsonMapping, now: float) -> Cells:
    limited = cells.spec(obj).get("limited") or {}
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    shown = [queuing.get(field, NONE) for field in ("queues", "handSize", "queueLengthLimit")]
    shares = limited.get("nominalConcurrencyShares", NONE)
    return [cells.name(obj), cells.spec(obj).get("type", ""), shares, *shown, cells.age(obj, now)]


def param_kind(obj: JsonMapping) -> str:
    kind = cells.spec(obj).get("paramKind")
    return f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else UNSET


def param_ref(obj: JsonMapping) -> str:
    reference = cells.spec(obj).get("paramRef")
    if not reference:
        return UNSET
    if reference.get("name"):
        return f"{reference.get('namespace') or '*'}/{reference['name']}"
    selector = reference.get("selector")
    return UNSET if selector is None else _go_selector(selector)


def _go_selector(selector: JsonMapping) -> str:
    """Return a LabelSelector in the form of its Go type's String method."""
    labels = selector.get("matchLabels") or {}
    pairs = "".join(f"{key}: {labels[key]}," for key in sorted(labels))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{expression.get('key', '')},"
        f"Operator:{expression.get('operator', '')},"
        f"Values:[{' '.join(expression.get('values') or ())}],}},"
        for expression in selector.get("matchExpressions") or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{pairs}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )


def claim_state(obj: JsonMapping) -> str:
    status = cells.status(obj)
    deleted = bool(obj["metadata"].get("deletionTimestamp"))
    states = ["deleted"] if deleted else []
    if status.get("allocation"):
        states += ["allocated", *(["reserved"] if status.get("reservedFor") else [])]
    elif not deleted:
        states.append("pending")
    return ",".join(states)


def api_service(obj: JsonMapping, now: float) -> Cells:
    service = cells.spec(obj).get("service")
    conditions = cells.status(obj).get("conditions") or ()
    available = next((condition for condition in conditions if condition["type"] == "Available"), None)
    shown = "Unknown" if available is None else available.get("status", "")
    if available is not None and shown != "True":
        shown = f"{shown} ({available.get('reason', '')})"
    where = f"{service['namespace']}/{service['name']}" if service else "Local"
    return [cells.name(obj), where, shown, cells.age(obj, now)]
