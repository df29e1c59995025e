"""Which kind has rules of its own."""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.core.event.strategy import EventStrategy
from kprov.kube.apiserver.registry.core.pod.strategy import PodStrategy
from kprov.kube.apiserver.registry.core.service.strategy import ServiceStrategy
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.strategies import (
    admission_policies,
    api_extensions,
    core,
    dynamic_resources,
    flow_control,
    groups,
    storage,
    webhooks,
    workloads,
)
from kprov.kube.apiserver.registry.strategies.certificates import CertificateSigningRequestStrategy

STRATEGIES: Final[dict[tuple[str, str], type[ResourceStrategy]]] = {
    ("", "configmaps"): core.ConfigMapStrategy,
    ("", "endpoints"): core.EndpointsStrategy,
    ("", "events"): EventStrategy,
    ("", "limitranges"): core.LimitRangeStrategy,
    ("", "namespaces"): core.NamespaceStrategy,
    ("", "nodes"): core.NodeStrategy,
    ("", "persistentvolumeclaims"): storage.PersistentVolumeClaimStrategy,
    ("", "persistentvolumes"): storage.PersistentVolumeStrategy,
    ("", "pods"): PodStrategy,
    ("", "podtemplates"): workloads.PodTemplateStrategy,
    ("", "replicationcontrollers"): workloads.ReplicationControllerStrategy,
    ("", "resourcequotas"): core.ResourceQuotaStrategy,
    ("", "secrets"): core.SecretStrategy,
    ("", "serviceaccounts"): core.ServiceAccountStrategy,
    ("", "services"): ServiceStrategy,
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"): admission_policies.AdmissionPolicyStrategy,
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"): (
        admission_policies.PolicyBindingStrategy
    ),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"): (
        admission_policies.PolicyBindingStrategy
    ),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): webhooks.WebhookConfigurationStrategy,
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
    ): admission_policies.AdmissionPolicyStrategy,
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
    ): webhooks.WebhookConfigurationStrategy,
    ("apiextensions.k8s.io", "customresourcedefinitions"): api_extensions.CustomResourceDefinitionStrategy,
    ("apiregistration.k8s.io", "apiservices"): api_extensions.ApiServiceStrategy,
    ("apps", "controllerrevisions"): workloads.ControllerRevisionStrategy,
    ("apps", "daemonsets"): workloads.DaemonSetStrategy,
    ("apps", "deployments"): workloads.DeploymentStrategy,
    ("apps", "replicasets"): workloads.ReplicaSetStrategy,
    ("apps", "statefulsets"): workloads.StatefulSetStrategy,
    ("autoscaling", "horizontalpodautoscalers"): groups.AutoscalerStrategy,
    ("batch", "cronjobs"): workloads.CronJobStrategy,
    ("batch", "jobs"): workloads.JobStrategy,
    ("certificates.k8s.io", "certificatesigningrequests"): CertificateSigningRequestStrategy,
    ("coordination.k8s.io", "leases"): groups.LeaseStrategy,
    ("discovery.k8s.io", "endpointslices"): groups.EndpointSliceStrategy,
    ("flowcontrol.apiserver.k8s.io", "flowschemas"): flow_control.FlowSchemaStrategy,
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): flow_control.PriorityLevelStrategy,
    ("networking.k8s.io", "ingressclasses"): groups.IngressClassStrategy,
    ("networking.k8s.io", "ingresses"): groups.IngressStrategy,
    ("networking.k8s.io", "ipaddresses"): groups.IpAddressStrategy,
    ("networking.k8s.io", "servicecidrs"): groups.ServiceCidrStrategy,
    ("node.k8s.io", "runtimeclasses"): groups.RuntimeClassStrategy,
    ("networking.k8s.io", "networkpolicies"): groups.NetworkPolicyStrategy,
    ("policy", "poddisruptionbudgets"): groups.PodDisruptionBudgetStrategy,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): groups.BindingStrategy,
    ("rbac.authorization.k8s.io", "clusterroles"): groups.RoleStrategy,
    ("rbac.authorization.k8s.io", "rolebindings"): groups.BindingStrategy,
    ("rbac.authorization.k8s.io", "roles"): groups.RoleStrategy,
    ("resource.k8s.io", "deviceclasses"): dynamic_resources.DeviceClassStrategy,
    ("resource.k8s.io", "resourceclaims"): dynamic_resources.ResourceClaimStrategy,
    ("resource.k8s.io", "resourceclaimtemplates"): dynamic_resources.ResourceClaimTemplateStrategy,
    ("resource.k8s.io", "resourceslices"): dynamic_resources.ResourceSliceStrategy,
    ("scheduling.k8s.io", "priorityclasses"): groups.PriorityClassStrategy,
    ("storage.k8s.io", "csidrivers"): storage.CsiDriverStrategy,
    ("storage.k8s.io", "csinodes"): storage.CsiNodeStrategy,
    ("storage.k8s.io", "csistoragecapacities"): storage.CsiStorageCapacityStrategy,
    ("storage.k8s.io", "volumeattributesclasses"): storage.VolumeAttributesClassStrategy,
    ("storage.k8s.io", "storageclasses"): storage.StorageClassStrategy,
    ("storage.k8s.io", "volumeattachments"): storage.VolumeAttachmentStrategy,
}
