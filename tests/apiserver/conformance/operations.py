"""Objects of the "API operations" and "lifecycle" entries, as data: one line a kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kprov.kube.machinery.json_object import JsonObject

_POD = {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]}
_TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": _POD}
_JOB = {"template": {"spec": {**_POD, "restartPolicy": "Never"}}}
_CONSTRAINTS = {
    "resourceRules": [
        {"apiGroups": ["none.example"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["x"]}
    ]
}
_PATH = {
    "path": "/",
    "pathType": "Prefix",
    "backend": {"service": {"name": "s", "port": {"number": 80}}},
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What an entry does with a kind. path: of the group version; body: of the object, without metadata.

    status: a patch of the status, None where there is no such subresource. changed: a patch of the rest.
    name: what the object has to be called, with {} for what makes it unique.
    """

    entry: str
    path: str
    plural: str
    body: JsonObject
    status: JsonObject | None = None
    changed: JsonObject = field(default_factory=lambda: {"metadata": {"annotations": {"patched": "yes"}}})
    name: str = "a{}"
    namespaced: bool = True


def _cluster(entry: str, path: str, plural: str, body: JsonObject, **more: Any) -> Kind:
    return Kind(entry, path, plural, body, namespaced=False, **more)


_CONDITION = {
    "type": "StatusUpdate",
    "status": "True",
    "reason": "E2E",
    "message": "set by the test",
    "lastTransitionTime": "2024-01-01T00:00:00Z",
}
_FLOW = "/apis/flowcontrol.apiserver.k8s.io/v1"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_NETWORK = "/apis/networking.k8s.io/v1"
_DEVICES = "/apis/resource.k8s.io/v1"
_REQUESTS = {"requests": [{"name": "req-0", "exactly": {"deviceClassName": "c"}}]}
_DEVICE = {"driver": "dra.example.com", "pool": "p", "device": "device-0"}
_STORAGE = "/apis/storage.k8s.io/v1"

KINDS = (
    _cluster(
        "API priority and fairness should support FlowSchema API operations",
        _FLOW,
        "flowschemas",
        {
            "spec": {
                "matchingPrecedence": 9999,
                "priorityLevelConfiguration": {"name": "global-default"},
                "rules": [
                    {
                        "subjects": [{"kind": "User", "user": {"name": "nobody-at-all"}}],
                        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["/none"]}],
                    }
                ],
            }
        },
        status={"conditions": [_CONDITION]},
        changed={"spec": {"matchingPrecedence": 9998}},
    ),
    _cluster(
        "API priority and fairness should support PriorityLevelConfiguration API operations",
        _FLOW,
        "prioritylevelconfigurations",
        {
            "spec": {
                "type": "Limited",
                "limited": {"nominalConcurrencyShares": 2, "limitResponse": {"type": "Reject"}},
            }
        },
        status={"conditions": [_CONDITION]},
        changed={"spec": {"limited": {"nominalConcurrencyShares": 4}}},
    ),
    _cluster(
        "MutatingAdmissionPolicy should support MutatingAdmissionPolicy API operations",
        _ADMISSION,
        "mutatingadmissionpolicies",
        {
            "spec": {
                "matchConstraints": _CONSTRAINTS,
                "reinvocationPolicy": "Never",
                "mutations": [
                    {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}
                ],
            }
        },
    ),
    _cluster(
        "MutatingAdmissionPolicy should support MutatingAdmissionPolicyBinding API operations",
        _ADMISSION,
        "mutatingadmissionpolicybindings",
        {"spec": {"policyName": "none.example"}},
    ),
    _cluster(
        "ValidatingAdmissionPolicy should support ValidatingAdmissionPolicy API operations",
        _ADMISSION,
        "validatingadmissionpolicies",
        {"spec": {"matchConstraints": _CONSTRAINTS, "validations": [{"expression": "true"}]}},
        status={"conditions": [_CONDITION]},
    ),
    _cluster(
        "ValidatingAdmissionPolicy should support ValidatingAdmissionPolicyBinding API operations",
        _ADMISSION,
        "validatingadmissionpolicybindings",
        {"spec": {"policyName": "none.example", "validationActions": ["Deny"]}},
    ),
    Kind(
        "ResourceQuota should manage the lifecycle of a ResourceQuota",
        "/api/v1",
        "resourcequotas",
        {"spec": {"hard": {"services": "1"}}},
        status={"hard": {"services": "7"}},
        changed={"spec": {"hard": {"services": "2"}}},
    ),
    Kind(
        "ControllerRevision should manage the lifecycle of a ControllerRevision",
        "/apis/apps/v1",
        "controllerrevisions",
        {"revision": 1, "data": {"spec": {"replicas": 1}}},
        changed={"revision": 2},
    ),
    Kind(
        "CronJob should support CronJob API operations",
        "/apis/batch/v1",
        "cronjobs",
        {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": _JOB}}},
        status={"lastScheduleTime": "2024-01-01T00:00:00Z"},
        changed={"spec": {"suspend": True}},
    ),
    Kind(
        "Job should manage the lifecycle of a job",
        "/apis/batch/v1",
        "jobs",
        {"spec": {**_JOB, "suspend": True}},
        changed={"spec": {"parallelism": 2}},
    ),
    Kind(
        "Deployment should run the lifecycle of a Deployment",
        "/apis/apps/v1",
        "deployments",
        {"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": _TEMPLATE}},
        status={"conditions": [_CONDITION]},
        changed={"spec": {"replicas": 2}},
    ),
    Kind(
        "ReplicationController should test the lifecycle of a ReplicationController",
        "/api/v1",
        "replicationcontrollers",
        {"spec": {"replicas": 1, "template": _TEMPLATE}},
        status={"replicas": 1},
        changed={"spec": {"replicas": 2}},
    ),
    Kind(
        "ServiceAccounts should run through the lifecycle of a ServiceAccount",
        "/api/v1",
        "serviceaccounts",
        {},
        changed={"automountServiceAccountToken": False},
    ),
    Kind(
        "EndpointSlice should support creating EndpointSlice API operations",
        "/apis/discovery.k8s.io/v1",
        "endpointslices",
        {"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.2.3"]}], "ports": []},
    ),
    Kind(
        "Endpoints should test the lifecycle of an Endpoint",
        "/api/v1",
        "endpoints",
        {"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"name": "http", "port": 80}]}]},
    ),
    Kind(
        "Ingress API should support creating Ingress API operations",
        _NETWORK,
        "ingresses",
        {"spec": {"rules": [{"host": "a.example", "http": {"paths": [_PATH]}}]}},
        status={"loadBalancer": {"ingress": [{"ip": "169.1.1.1"}]}},
    ),
    _cluster(
        "IngressClass API should support creating IngressClass API operations",
        _NETWORK,
        "ingressclasses",
        {"spec": {"controller": "example.com/controller"}},
    ),
    _cluster(
        "ServiceCIDR and IPAddress API should support ServiceCIDR API operations",
        _NETWORK,
        "servicecidrs",
        {"spec": {"cidrs": ["10.250.0.0/24"]}},
        status={"conditions": [_CONDITION]},
    ),
    _cluster(
        "ServiceCIDR and IPAddress API should support IPAddress API operations",
        _NETWORK,
        "ipaddresses",
        {"spec": {"parentRef": {"resource": "services", "name": "s", "namespace": "default"}}},
        name="10.251.0.{}",
    ),
    Kind("ConfigMap should run through a ConfigMap lifecycle", "/api/v1", "configmaps", {"data": {"a": "b"}}),
    Kind(
        "Lease lease API should be available",
        "/apis/coordination.k8s.io/v1",
        "leases",
        {"spec": {"holderIdentity": "a", "leaseDurationSeconds": 30, "leaseTransitions": 0}},
        changed={"spec": {"leaseTransitions": 1}},
    ),
    _cluster(
        "Node Lifecycle should run through the lifecycle of a node",
        "/api/v1",
        "nodes",
        {},
        status={"conditions": [{"type": "Ready", "status": "False"}]},
    ),
    Kind(
        "PodTemplates should run the lifecycle of PodTemplates",
        "/api/v1",
        "podtemplates",
        {"template": _TEMPLATE},
    ),
    _cluster(
        "RuntimeClass should support RuntimeClasses API operations",
        "/apis/node.k8s.io/v1",
        "runtimeclasses",
        {"handler": "runc"},
    ),
    _cluster(
        "CSIInlineVolumes should run through the lifecycle of a CSIDriver",
        _STORAGE,
        "csidrivers",
        {"spec": {}},
    ),
    _cluster(
        "CSINodes CSI Conformance should run through the lifecycle of a csinode",
        _STORAGE,
        "csinodes",
        {"spec": {"drivers": []}},
    ),
    Kind(
        "CSIStorageCapacity should support CSIStorageCapacities API operations",
        _STORAGE,
        "csistoragecapacities",
        {"storageClassName": "a", "capacity": "1Gi"},
    ),
    _cluster(
        "StorageClasses CSI Conformance should run through the lifecycle of a StorageClass",
        _STORAGE,
        "storageclasses",
        {"provisioner": "example.com/none"},
    ),
    _cluster(
        "VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment",
        _STORAGE,
        "volumeattachments",
        {"spec": {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "p"}}},
        status={"attached": True},
    ),
    _cluster(
        "VolumeAttributesClass should run through the lifecycle of a VolumeAttributesClass",
        _STORAGE,
        "volumeattributesclasses",
        {"driverName": "a", "parameters": {"b": "c"}},
    ),
    _cluster(
        "CRUD Tests resource.k8s.io/v1 DeviceClass",
        _DEVICES,
        "deviceclasses",
        {"spec": {"selectors": [{"cel": {"expression": "true"}}]}},
    ),
    Kind(
        "CRUD Tests resource.k8s.io/v1 ResourceClaim",
        _DEVICES,
        "resourceclaims",
        {"spec": {"devices": _REQUESTS}},
        status={
            "allocation": {"devices": {"results": [_DEVICE | {"request": "req-0"}]}},
            "reservedFor": [{"resource": "pods", "name": "p", "uid": "1"}],
            "devices": [_DEVICE | {"conditions": [_CONDITION]}],
        },
    ),
    Kind(
        "CRUD Tests resource.k8s.io/v1 ResourceClaimTemplate",
        _DEVICES,
        "resourceclaimtemplates",
        {"spec": {"spec": {"devices": _REQUESTS}}},
    ),
    _cluster(
        "CRUD Tests resource.k8s.io/v1 ResourceSlice",
        _DEVICES,
        "resourceslices",
        {
            "spec": {
                "nodeName": "n",
                "driver": "dra.example.com",
                "pool": {"name": "p", "resourceSliceCount": 1},
                "devices": [{"name": "device-0"}],
            }
        },
        changed={"spec": {"devices": [{"name": "device-1"}]}},
    ),
)
