"""The cells of each kind's row, in the order of `columns`. A printer takes (object, Unix time now).

Source of the values: pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kprov.kube.machinery.printers import cells, cluster, network, storage, workloads
from kprov.kube.machinery.printers.cells import Printer, field, length, named, spec
from kprov.kube.machinery.printers.pods import pod

_ADMISSION = "admissionregistration.k8s.io"
#: By (group, kind), as columns.COLUMNS.
PRINTERS: dict[tuple[str, str], Printer] = {
    ("", "Pod"): pod,
    ("", "PodTemplate"): workloads.pod_template,
    ("policy", "PodDisruptionBudget"): workloads.disruption_budget,
    ("", "ReplicationController"): workloads.replication_controller,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("apps", "ControllerRevision"): workloads.controller_revision,
    ("batch", "Job"): workloads.job,
    ("batch", "CronJob"): workloads.cron_job,
    ("", "Service"): network.service,
    ("networking.k8s.io", "Ingress"): network.ingress,
    ("networking.k8s.io", "IngressClass"): network.ingress_class,
    ("networking.k8s.io", "NetworkPolicy"): named(
        lambda obj: cells.selector(spec(obj).get("podSelector") or {})
    ),
    ("networking.k8s.io", "ServiceCIDR"): named(lambda obj: ",".join(spec(obj).get("cidrs") or ())),
    ("networking.k8s.io", "IPAddress"): network.ip_address,
    ("", "Endpoints"): named(network.endpoints),
    ("discovery.k8s.io", "EndpointSlice"): network.endpoint_slice,
    ("", "Node"): cluster.node,
    ("", "Event"): cluster.event,
    ("events.k8s.io", "Event"): cluster.event,
    ("", "Namespace"): named(field("status", "phase")),
    ("", "Secret"): named(field("type"), length("data")),
    ("", "ConfigMap"): named(lambda obj: len(obj.get("data") or ()) + len(obj.get("binaryData") or ())),
    ("", "ServiceAccount"): named(),
    ("", "ComponentStatus"): cluster.component_status,
    ("", "ResourceQuota"): cluster.resource_quota,
    ("", "PersistentVolume"): storage.persistent_volume,
    ("", "PersistentVolumeClaim"): storage.persistent_volume_claim,
    ("autoscaling", "HorizontalPodAutoscaler"): workloads.autoscaler,
    ("autoscaling", "Scale"): named(
        field("spec", "replicas", default=0), field("status", "replicas", default=0)
    ),
    ("rbac.authorization.k8s.io", "RoleBinding"): cluster.binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): cluster.binding,
    ("certificates.k8s.io", "CertificateSigningRequest"): cluster.signing_request,
    ("coordination.k8s.io", "Lease"): named(field("spec", "holderIdentity")),
    ("storage.k8s.io", "StorageClass"): storage.storage_class,
    ("storage.k8s.io", "VolumeAttributesClass"): named(field("driverName")),
    ("storage.k8s.io", "VolumeAttachment"): named(
        field("spec", "attacher"),
        field("spec", "source", "persistentVolumeName"),
        field("spec", "nodeName"),
        field("status", "attached", default=False),
    ),
    ("storage.k8s.io", "CSINode"): named(length("spec", "drivers")),
    ("storage.k8s.io", "CSIDriver"): storage.csi_driver,
    ("scheduling.k8s.io", "PriorityClass"): cluster.priority_class,
    ("node.k8s.io", "RuntimeClass"): named(field("handler")),
    (_ADMISSION, "MutatingWebhookConfiguration"): named(length("webhooks")),
    (_ADMISSION, "ValidatingWebhookConfiguration"): named(length("webhooks")),
    (_ADMISSION, "ValidatingAdmissionPolicy"): named(length("spec", "validations"), cluster.param_kind),
    (_ADMISSION, "MutatingAdmissionPolicy"): named(length("spec", "mutations"), cluster.param_kind),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): named(field("spec", "policyName"), cluster.param_ref),
    (_ADMISSION, "MutatingAdmissionPolicyBinding"): named(field("spec", "policyName"), cluster.param_ref),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): cluster.flow_schema,
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): cluster.priority_level,
    ("resource.k8s.io", "DeviceClass"): named(),
    ("resource.k8s.io", "ResourceClaim"): named(cluster.claim_state),
    ("resource.k8s.io", "ResourceClaimTemplate"): named(),
    ("resource.k8s.io", "ResourceSlice"): named(
        field("spec", "nodeName"), field("spec", "driver"), field("spec", "pool", "name")
    ),
    ("apiregistration.k8s.io", "APIService"): cluster.api_service,
}
