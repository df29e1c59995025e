"""The cells of each kind's row, in the order of printer_columns. A function takes (object, Unix time now).

Source of the values: pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kprov.kube.machinery import printer_cells as cells
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.printer_cells import NONE, UNKNOWN, UNSET, since
from kprov.kube.machinery.printer_pods import pod
from kprov.kube.machinery.quantity import canonical

Object = Mapping[str, Any]
Cells = list[Any]
Printer = Callable[[Object, float], Cells]


def _spec(obj: Object) -> Object:
    return obj.get("spec") or {}


def _status(obj: Object) -> Object:
    return obj.get("status") or {}


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Object, now: float) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def _named(*values: Callable[[Object], Any]) -> Printer:
    """Name, the values, Age: the form of most kinds."""
    return lambda obj, now: [_name(obj), *(value(obj) for value in values), _age(obj, now)]


def _workload(obj: Object) -> Cells:
    return [*cells.containers(cells.template(_spec(obj))), cells.selector(_spec(obj).get("selector"))]


def _pod_template(obj: Object, now: float) -> Cells:
    del now
    held = obj.get("template") or {}
    names_images = cells.containers(held.get("spec") or {})
    return [_name(obj), *names_images, cells.labels((held.get("metadata") or {}).get("labels"))]


def _disruption_budget(obj: Object, now: float) -> Cells:
    spec = _spec(obj)
    return [
        _name(obj),
        str(spec["minAvailable"]) if spec.get("minAvailable") is not None else "N/A",
        str(spec["maxUnavailable"]) if spec.get("maxUnavailable") is not None else "N/A",
        _status(obj).get("disruptionsAllowed", 0),
        _age(obj, now),
    ]


def _replica_set(obj: Object, now: float) -> Cells:
    status = _status(obj)
    counts = [_spec(obj).get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [_name(obj), *counts, _age(obj, now), *_workload(obj)]


def _replication_controller(obj: Object, now: float) -> Cells:
    row = _replica_set({**obj, "spec": {**_spec(obj), "selector": None}}, now)
    return [*row[:-1], cells.labels(_spec(obj).get("selector"))]


def _daemon_set(obj: Object, now: float) -> Cells:
    status = _status(obj)
    fields = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    node_selector = cells.labels(cells.template(_spec(obj)).get("nodeSelector"))
    counts = [status.get(field, 0) for field in fields]
    return [_name(obj), *counts, node_selector, _age(obj, now), *_workload(obj)]


def _ready_of(obj: Object) -> str:
    return f"{_status(obj).get('readyReplicas', 0)}/{_spec(obj).get('replicas', 0)}"


def _deployment(obj: Object, now: float) -> Cells:
    status = _status(obj)
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    return [_name(obj), _ready_of(obj), *counts, _age(obj, now), *_workload(obj)]


def _stateful_set(obj: Object, now: float) -> Cells:
    return [_name(obj), _ready_of(obj), _age(obj, now), *_workload(obj)[:2]]


def _controller_revision(obj: Object, now: float) -> Cells:
    owners = obj["metadata"].get("ownerReferences") or ()
    owner = next((each for each in owners if each.get("controller")), None)
    controller = NONE
    if owner is not None:
        group = owner["apiVersion"].rpartition("/")[0]
        kind = owner["kind"].lower() + (f".{group}" if group else "")
        controller = f"{kind}/{owner['name']}"
    return [_name(obj), controller, obj.get("revision", 0), _age(obj, now)]


_JOB_STATES = {
    "Complete": "Complete",
    "Failed": "Failed",
    "": "Terminating",
    "Suspended": "Suspended",
    "FailureTarget": "FailureTarget",
    "SuccessCriteriaMet": "SuccessCriteriaMet",
}


def _job(obj: Object, now: float) -> Cells:
    spec, status = _spec(obj), _status(obj)
    succeeded, parallelism = status.get("succeeded", 0), spec.get("parallelism") or 0
    if spec.get("completions") is not None:
        completions = f"{succeeded}/{spec['completions']}"
    else:
        completions = f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"
    start, end = status.get("startTime"), status.get("completionTime")
    duration = ""
    if start:
        duration = cells.since(start, timestamps.seconds(end) if end else now)
    true = {each["type"] for each in status.get("conditions") or () if each.get("status") == "True"}
    if obj["metadata"].get("deletionTimestamp"):
        true.add("")
    state = next((text for kind, text in _JOB_STATES.items() if kind in true), "Running")
    return [_name(obj), state, completions, duration, _age(obj, now), *_workload(obj)]


def _cron_job(obj: Object, now: float) -> Cells:
    spec, status = _spec(obj), _status(obj)
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    last = status.get("lastScheduleTime")
    suspend = spec.get("suspend")
    return [
        _name(obj),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        UNSET if suspend is None else str(suspend),
        len(status.get("active") or ()),
        since(last, now) if last else NONE,
        _age(obj, now),
        *cells.containers(cells.template(job)),
        cells.selector(job.get("selector")),
    ]


def _service_port(port: Object) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}"


def _service(obj: Object, now: float) -> Cells:
    spec = _spec(obj)
    ports = [_service_port(each) for each in spec.get("ports") or ()]
    return [
        _name(obj),
        spec.get("type", ""),
        (spec.get("clusterIPs") or [NONE])[0],
        _external_ip(spec, _status(obj)),
        ",".join(ports) or NONE,
        _age(obj, now),
        cells.labels(spec.get("selector")),
    ]


def _external_ip(spec: Object, status: Object) -> str:
    external = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(external) or NONE
        case "LoadBalancer":
            balancer = cells.load_balancer(status)
            return ",".join([*([balancer] if balancer else []), *external]) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName", ""))
    return UNKNOWN


def _ingress(obj: Object, now: float) -> Cells:
    spec = _spec(obj)
    rules = spec.get("rules") or ()
    hosts = [rule["host"] for rule in rules[:3] if rule.get("host")]
    return [
        _name(obj),
        spec.get("ingressClassName") or NONE,
        cells.joined(hosts, len(rules), 3) if hosts else "*",
        cells.load_balancer(_status(obj)),
        "80, 443" if spec.get("tls") else "80",
        _age(obj, now),
    ]


def _default_marked(obj: Object, annotation: str) -> str:
    marked = (obj["metadata"].get("annotations") or {}).get(annotation) == "true"
    return f"{_name(obj)} (default)" if marked else _name(obj)


def _ingress_class(obj: Object, now: float) -> Cells:
    parameters = _spec(obj).get("parameters")
    shown = NONE
    if parameters:
        group = parameters.get("apiGroup")
        shown = f"{parameters['kind']}{'.' + group if group else ''}/{parameters['name']}"
    name = _default_marked(obj, "ingressclass.kubernetes.io/is-default-class")
    return [name, _spec(obj).get("controller", ""), shown, _age(obj, now)]


def _ip_address(obj: Object, now: float) -> Cells:
    del now
    parent = _spec(obj).get("parentRef")
    shown = NONE
    if parent:
        resource = parent.get("resource", "") + (f".{parent['group']}" if parent.get("group") else "")
        namespace = f"/{parent['namespace']}" if parent.get("namespace") else ""
        shown = f"{resource.lower()}{namespace}/{parent.get('name', '')}"
    return [_name(obj), shown]


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _endpoints(obj: Object) -> str:
    found: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [each["ip"] for each in subset.get("addresses") or ()]
        ports = subset.get("ports")
        if not ports:
            found += addresses
        for port in ports or ():
            found += [_host_port(address, port["port"]) for address in addresses]
    if not obj.get("subsets"):
        return NONE
    return cells.joined(found[:3], len(found), 3)


def _endpoint_slice(obj: Object, now: float) -> Cells:
    ports = [str(each.get("port") or each.get("name") or "*") for each in obj.get("ports") or ()]
    addresses = [a for each in obj.get("endpoints") or () for a in each.get("addresses") or ()]
    return [
        _name(obj),
        obj.get("addressType", ""),
        cells.joined(ports[:3], len(ports), 3) or UNSET,
        cells.joined(addresses[:3], len(addresses), 3) or UNSET,
        _age(obj, now),
    ]


_ROLE_PREFIX = "node-role.kubernetes.io/"


def _node(obj: Object, now: float) -> Cells:
    status = _status(obj)
    ready = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), None)
    state = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    if _spec(obj).get("unschedulable"):
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
        return next((each["address"] for each in addresses if each["type"] == kind), NONE)

    return [
        _name(obj),
        state,
        ",".join(sorted(role for role in roles if role)) or NONE,
        _age(obj, now),
        info.get("kubeletVersion", ""),
        address("InternalIP"),
        address("ExternalIP"),
        info.get("osImage") or UNKNOWN,
        kernel,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _event(obj: Object, now: float) -> Cells:
    """Reads both forms of the object: core/v1 and events.k8s.io/v1."""
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
        _name(obj),
    ]


def _component_status(obj: Object, now: float) -> Cells:
    del now
    healthy = next((each for each in obj.get("conditions") or () if each["type"] == "Healthy"), None)
    if healthy is None:
        return [_name(obj), "Unknown", "", ""]
    state = "Healthy" if healthy.get("status") == "True" else "Unhealthy"
    return [_name(obj), state, healthy.get("message", ""), healthy.get("error", "")]


def _resource_quota(obj: Object, now: float) -> Cells:
    status = _status(obj)
    used = status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for name, hard in sorted((status.get("hard") or {}).items()):
        column = limits if name.startswith("limits.") else requests
        column.append(f"{name}: {canonical(used.get(name, '0'))}/{canonical(hard)}")
    return [_name(obj), ", ".join(requests), ", ".join(limits), _age(obj, now)]


def _phase(obj: Object) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else _status(obj).get("phase", "")


def _storage_class_of(obj: Object) -> str:
    annotated = (obj["metadata"].get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class")
    return str(annotated if annotated is not None else _spec(obj).get("storageClassName") or "")


def _persistent_volume(obj: Object, now: float) -> Cells:
    spec = _spec(obj)
    claim = spec.get("claimRef")
    return [
        _name(obj),
        canonical((spec.get("capacity") or {}).get("storage", "0")),
        cells.access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        _storage_class_of(obj),
        spec.get("volumeAttributesClassName") or UNSET,
        _status(obj).get("reason", ""),
        _age(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def _persistent_volume_claim(obj: Object, now: float) -> Cells:
    spec, status = _spec(obj), _status(obj)
    bound = bool(spec.get("volumeName"))
    return [
        _name(obj),
        _phase(obj),
        spec.get("volumeName", ""),
        canonical((status.get("capacity") or {}).get("storage", "0")) if bound else "",
        cells.access_modes(status.get("accessModes")) if bound else "",
        _storage_class_of(obj),
        spec.get("volumeAttributesClassName") or UNSET,
        _age(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def _autoscaler(obj: Object, now: float) -> Cells:
    spec, status = _spec(obj), _status(obj)
    target = spec.get("scaleTargetRef") or {}
    minimum = spec.get("minReplicas")
    return [
        _name(obj),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _metrics(spec, status),
        UNSET if minimum is None else str(minimum),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        _age(obj, now),
    ]


def _metrics(spec: Object, status: Object) -> str:
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


def _metric(metric: Object, status: Object) -> str:
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


def _binding(obj: Object, now: float) -> Cells:
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
    return [_name(obj), f"{role.get('kind', '')}/{role.get('name', '')}", _age(obj, now), *subjects]


def _signing_request(obj: Object, now: float) -> Cells:
    spec, status = _spec(obj), _status(obj)
    kinds = {each["type"] for each in status.get("conditions") or ()}
    state = "Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"
    state += (",Failed" if "Failed" in kinds else "") + (",Issued" if status.get("certificate") else "")
    seconds = spec.get("expirationSeconds")
    duration = NONE if seconds is None else cells.human_duration(seconds)
    signer = spec.get("signerName") or NONE
    return [_name(obj), _age(obj, now), signer, spec.get("username", ""), duration, state]


def _storage_class(obj: Object, now: float) -> Cells:
    return [
        _default_marked(obj, "storageclass.kubernetes.io/is-default-class"),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        obj.get("allowVolumeExpansion") or False,
        _age(obj, now),
    ]


def _csi_driver(obj: Object, now: float) -> Cells:
    spec = _spec(obj)
    tokens = spec.get("tokenRequests")
    return [
        _name(obj),
        spec.get("attachRequired", True),
        spec.get("podInfoOnMount", False),
        spec.get("storageCapacity", False),
        UNSET if tokens is None else ",".join(each.get("audience", "") for each in tokens),
        spec.get("requiresRepublish", False),
        ",".join(spec.get("volumeLifecycleModes") or ()) or NONE,
        _age(obj, now),
    ]


def _priority_class(obj: Object, now: float) -> Cells:
    shown = [obj.get("value", 0), obj.get("globalDefault", False)]
    return [_name(obj), *shown, _age(obj, now), obj.get("preemptionPolicy", "")]


def _flow_schema(obj: Object, now: float) -> Cells:
    spec = _spec(obj)
    conditions = _status(obj).get("conditions") or ()
    dangling = next((each.get("status", "") for each in conditions if each["type"] == "Dangling"), "?")
    return [
        _name(obj),
        (spec.get("priorityLevelConfiguration") or {}).get("name", ""),
        spec.get("matchingPrecedence", 0),
        (spec.get("distinguisherMethod") or {}).get("type") or NONE,
        _age(obj, now),
        dangling,
    ]


def _priority_level(obj: Object, now: float) -> Cells:
    limited = _spec(obj).get("limited") or {}
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    shown = [queuing.get(field, NONE) for field in ("queues", "handSize", "queueLengthLimit")]
    shares = limited.get("nominalConcurrencyShares", NONE)
    return [_name(obj), _spec(obj).get("type", ""), shares, *shown, _age(obj, now)]


def _param_kind(obj: Object) -> str:
    kind = _spec(obj).get("paramKind")
    return f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else UNSET


def _param_ref(obj: Object) -> str:
    reference = _spec(obj).get("paramRef")
    if not reference:
        return UNSET
    if reference.get("name"):
        return f"{reference.get('namespace') or '*'}/{reference['name']}"
    return cells.selector(reference.get("selector")) if reference.get("selector") else UNSET


def _claim_state(obj: Object) -> str:
    status = _status(obj)
    deleted = bool(obj["metadata"].get("deletionTimestamp"))
    states = ["deleted"] if deleted else []
    if status.get("allocation"):
        states += ["allocated", *(["reserved"] if status.get("reservedFor") else [])]
    elif not deleted:
        states.append("pending")
    return ",".join(states)


def _api_service(obj: Object, now: float) -> Cells:
    service = _spec(obj).get("service")
    conditions = _status(obj).get("conditions") or ()
    available = next((each for each in conditions if each["type"] == "Available"), None)
    shown = "Unknown" if available is None else available.get("status", "")
    if available is not None and shown != "True":
        shown = f"{shown} ({available.get('reason', '')})"
    where = f"{service['namespace']}/{service['name']}" if service else "Local"
    return [_name(obj), where, shown, _age(obj, now)]


def _field(*path: str, default: Any = "") -> Callable[[Object], Any]:
    def value(obj: Object) -> Any:
        held: Any = obj
        for name in path:
            held = held.get(name) if held else None
        return default if held is None else held

    return value


def _length(*path: str) -> Callable[[Object], int]:
    return lambda obj: len(_field(*path, default=())(obj))


_GROUP_ADMISSION = "admissionregistration.k8s.io"
#: By (group, kind), beside printer_columns.COLUMNS.
PRINTERS: dict[tuple[str, str], Printer] = {
    ("", "Pod"): pod,
    ("", "PodTemplate"): _pod_template,
    ("policy", "PodDisruptionBudget"): _disruption_budget,
    ("", "ReplicationController"): _replication_controller,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "ControllerRevision"): _controller_revision,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("networking.k8s.io", "IngressClass"): _ingress_class,
    ("networking.k8s.io", "NetworkPolicy"): _named(
        lambda obj: cells.selector(_spec(obj).get("podSelector") or {})
    ),
    ("networking.k8s.io", "ServiceCIDR"): _named(lambda obj: ",".join(_spec(obj).get("cidrs") or ())),
    ("networking.k8s.io", "IPAddress"): _ip_address,
    ("", "Endpoints"): _named(_endpoints),
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("", "Node"): _node,
    ("", "Event"): _event,
    ("events.k8s.io", "Event"): _event,
    ("", "Namespace"): _named(_field("status", "phase")),
    ("", "Secret"): _named(_field("type"), _length("data")),
    ("", "ConfigMap"): _named(lambda obj: len(obj.get("data") or ()) + len(obj.get("binaryData") or ())),
    ("", "ServiceAccount"): _named(),
    ("", "ComponentStatus"): _component_status,
    ("", "ResourceQuota"): _resource_quota,
    ("", "PersistentVolume"): _persistent_volume,
    ("", "PersistentVolumeClaim"): _persistent_volume_claim,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("autoscaling", "Scale"): _named(
        _field("spec", "replicas", default=0), _field("status", "replicas", default=0)
    ),
    ("rbac.authorization.k8s.io", "RoleBinding"): _binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _binding,
    ("certificates.k8s.io", "CertificateSigningRequest"): _signing_request,
    ("coordination.k8s.io", "Lease"): _named(_field("spec", "holderIdentity")),
    ("storage.k8s.io", "StorageClass"): _storage_class,
    ("storage.k8s.io", "VolumeAttributesClass"): _named(_field("driverName")),
    ("storage.k8s.io", "VolumeAttachment"): _named(
        _field("spec", "attacher"),
        _field("spec", "source", "persistentVolumeName"),
        _field("spec", "nodeName"),
        _field("status", "attached", default=False),
    ),
    ("storage.k8s.io", "CSINode"): _named(_length("spec", "drivers")),
    ("storage.k8s.io", "CSIDriver"): _csi_driver,
    ("scheduling.k8s.io", "PriorityClass"): _priority_class,
    ("node.k8s.io", "RuntimeClass"): _named(_field("handler")),
    (_GROUP_ADMISSION, "MutatingWebhookConfiguration"): _named(_length("webhooks")),
    (_GROUP_ADMISSION, "ValidatingWebhookConfiguration"): _named(_length("webhooks")),
    (_GROUP_ADMISSION, "ValidatingAdmissionPolicy"): _named(_length("spec", "validations"), _param_kind),
    (_GROUP_ADMISSION, "MutatingAdmissionPolicy"): _named(_length("spec", "mutations"), _param_kind),
    (_GROUP_ADMISSION, "ValidatingAdmissionPolicyBinding"): _named(_field("spec", "policyName"), _param_ref),
    (_GROUP_ADMISSION, "MutatingAdmissionPolicyBinding"): _named(_field("spec", "policyName"), _param_ref),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): _flow_schema,
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): _priority_level,
    ("resource.k8s.io", "DeviceClass"): _named(),
    ("resource.k8s.io", "ResourceClaim"): _named(_claim_state),
    ("resource.k8s.io", "ResourceClaimTemplate"): _named(),
    ("resource.k8s.io", "ResourceSlice"): _named(
        _field("spec", "nodeName"), _field("spec", "driver"), _field("spec", "pool", "name")
    ),
    ("apiregistration.k8s.io", "APIService"): _api_service,
}
