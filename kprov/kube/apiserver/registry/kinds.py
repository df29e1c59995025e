"""The list of the kinds that are stored, each with the strategy that has its rules."""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.admissionregistration.mutating_admission_policy import (
    MutatingAdmissionPolicyStrategy,
)
from kprov.kube.apiserver.registry.admissionregistration.mutating_admission_policy_binding import (
    MutatingAdmissionPolicyBindingStrategy,
)
from kprov.kube.apiserver.registry.admissionregistration.mutating_webhook_configuration import (
    MutatingWebhookConfigurationStrategy,
)
from kprov.kube.apiserver.registry.admissionregistration.validating_admission_policy import (
    ValidatingAdmissionPolicyStrategy,
)
from kprov.kube.apiserver.registry.admissionregistration.validating_admission_policy_binding import (
    ValidatingAdmissionPolicyBindingStrategy,
)
from kprov.kube.apiserver.registry.admissionregistration.validating_webhook_configuration import (
    ValidatingWebhookConfigurationStrategy,
)
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.strategy import (
    CustomResourceDefinitionStrategy,
)
from kprov.kube.apiserver.registry.apiregistration.api_service import ApiServiceStrategy
from kprov.kube.apiserver.registry.apps.controller_revision import ControllerRevisionStrategy
from kprov.kube.apiserver.registry.apps.daemon_set import DaemonSetStrategy
from kprov.kube.apiserver.registry.apps.deployment import DeploymentStrategy
from kprov.kube.apiserver.registry.apps.replica_set import ReplicaSetStrategy
from kprov.kube.apiserver.registry.apps.stateful_set.strategy import StatefulSetStrategy
from kprov.kube.apiserver.registry.autoscaling.horizontal_pod_autoscaler.strategy import (
    HorizontalPodAutoscalerStrategy,
)
from kprov.kube.apiserver.registry.batch.cron_job.strategy import CronJobStrategy
from kprov.kube.apiserver.registry.batch.job.strategy import JobStrategy
from kprov.kube.apiserver.registry.certificates.certificate_signing_request.strategy import (
    CertificateSigningRequestStrategy,
)
from kprov.kube.apiserver.registry.coordination.lease import LeaseStrategy
from kprov.kube.apiserver.registry.core.config_map import ConfigMapStrategy
from kprov.kube.apiserver.registry.core.endpoints import EndpointsStrategy
from kprov.kube.apiserver.registry.core.event.strategy import EventStrategy
from kprov.kube.apiserver.registry.core.limit_range import LimitRangeStrategy
from kprov.kube.apiserver.registry.core.namespace import NamespaceStrategy
from kprov.kube.apiserver.registry.core.node.strategy import NodeStrategy
from kprov.kube.apiserver.registry.core.persistent_volume.strategy import PersistentVolumeStrategy
from kprov.kube.apiserver.registry.core.persistent_volume_claim.strategy import PersistentVolumeClaimStrategy
from kprov.kube.apiserver.registry.core.pod.strategy import PodStrategy
from kprov.kube.apiserver.registry.core.pod_template import PodTemplateStrategy
from kprov.kube.apiserver.registry.core.replication_controller import ReplicationControllerStrategy
from kprov.kube.apiserver.registry.core.resource_quota import ResourceQuotaStrategy
from kprov.kube.apiserver.registry.core.secret import SecretStrategy
from kprov.kube.apiserver.registry.core.service.strategy import ServiceStrategy
from kprov.kube.apiserver.registry.core.service_account import ServiceAccountStrategy
from kprov.kube.apiserver.registry.discovery.endpoint_slice import EndpointSliceStrategy
from kprov.kube.apiserver.registry.flowcontrol.flow_schema import FlowSchemaStrategy
from kprov.kube.apiserver.registry.flowcontrol.priority_level_configuration import (
    PriorityLevelConfigurationStrategy,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.generic.server_settings import DEFAULT_SETTINGS, ServerSettings
from kprov.kube.apiserver.registry.networking.ingress import IngressStrategy
from kprov.kube.apiserver.registry.networking.ingress_class import IngressClassStrategy
from kprov.kube.apiserver.registry.networking.ip_address import IpAddressStrategy
from kprov.kube.apiserver.registry.networking.network_policy import NetworkPolicyStrategy
from kprov.kube.apiserver.registry.networking.service_cidr import ServiceCidrStrategy
from kprov.kube.apiserver.registry.node.runtime_class import RuntimeClassStrategy
from kprov.kube.apiserver.registry.policy.pod_disruption_budget import PodDisruptionBudgetStrategy
from kprov.kube.apiserver.registry.rbac.cluster_role import ClusterRoleStrategy
from kprov.kube.apiserver.registry.rbac.cluster_role_binding import ClusterRoleBindingStrategy
from kprov.kube.apiserver.registry.rbac.role import RoleStrategy
from kprov.kube.apiserver.registry.rbac.role_binding import RoleBindingStrategy
from kprov.kube.apiserver.registry.resource.device_class import DeviceClassStrategy
from kprov.kube.apiserver.registry.resource.resource_claim.strategy import ResourceClaimStrategy
from kprov.kube.apiserver.registry.resource.resource_claim_template import ResourceClaimTemplateStrategy
from kprov.kube.apiserver.registry.resource.resource_slice.strategy import ResourceSliceStrategy
from kprov.kube.apiserver.registry.scheduling.priority_class import PriorityClassStrategy
from kprov.kube.apiserver.registry.storage.csi_driver import CsiDriverStrategy
from kprov.kube.apiserver.registry.storage.csi_node import CsiNodeStrategy
from kprov.kube.apiserver.registry.storage.csi_storage_capacity import CsiStorageCapacityStrategy
from kprov.kube.apiserver.registry.storage.storage_class import StorageClassStrategy
from kprov.kube.apiserver.registry.storage.volume_attachment import VolumeAttachmentStrategy
from kprov.kube.apiserver.registry.storage.volume_attributes_class import VolumeAttributesClassStrategy
from kprov.kube.machinery.resources import Resource

STRATEGIES: Final[dict[tuple[str, str], type[ResourceStrategy]]] = {
    ("", "configmaps"): ConfigMapStrategy,
    ("", "endpoints"): EndpointsStrategy,
    ("", "events"): EventStrategy,
    ("", "limitranges"): LimitRangeStrategy,
    ("", "namespaces"): NamespaceStrategy,
    ("", "nodes"): NodeStrategy,
    ("", "persistentvolumeclaims"): PersistentVolumeClaimStrategy,
    ("", "persistentvolumes"): PersistentVolumeStrategy,
    ("", "pods"): PodStrategy,
    ("", "podtemplates"): PodTemplateStrategy,
    ("", "replicationcontrollers"): ReplicationControllerStrategy,
    ("", "resourcequotas"): ResourceQuotaStrategy,
    ("", "secrets"): SecretStrategy,
    ("", "serviceaccounts"): ServiceAccountStrategy,
    ("", "services"): ServiceStrategy,
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"): MutatingAdmissionPolicyStrategy,
    (
        "admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings",
    ): MutatingAdmissionPolicyBindingStrategy,
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): MutatingWebhookConfigurationStrategy,
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): ValidatingAdmissionPolicyStrategy,
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicybindings",
    ): ValidatingAdmissionPolicyBindingStrategy,
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
    ): ValidatingWebhookConfigurationStrategy,
    ("apiextensions.k8s.io", "customresourcedefinitions"): CustomResourceDefinitionStrategy,
    ("apiregistration.k8s.io", "apiservices"): ApiServiceStrategy,
    ("apps", "controllerrevisions"): ControllerRevisionStrategy,
    ("apps", "daemonsets"): DaemonSetStrategy,
    ("apps", "deployments"): DeploymentStrategy,
    ("apps", "replicasets"): ReplicaSetStrategy,
    ("apps", "statefulsets"): StatefulSetStrategy,
    ("autoscaling", "horizontalpodautoscalers"): HorizontalPodAutoscalerStrategy,
    ("batch", "cronjobs"): CronJobStrategy,
    ("batch", "jobs"): JobStrategy,
    ("certificates.k8s.io", "certificatesigningrequests"): CertificateSigningRequestStrategy,
    ("coordination.k8s.io", "leases"): LeaseStrategy,
    ("discovery.k8s.io", "endpointslices"): EndpointSliceStrategy,
    ("events.k8s.io", "events"): EventStrategy,
    ("flowcontrol.apiserver.k8s.io", "flowschemas"): FlowSchemaStrategy,
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): PriorityLevelConfigurationStrategy,
    ("networking.k8s.io", "ingressclasses"): IngressClassStrategy,
    ("networking.k8s.io", "ingresses"): IngressStrategy,
    ("networking.k8s.io", "ipaddresses"): IpAddressStrategy,
    ("networking.k8s.io", "networkpolicies"): NetworkPolicyStrategy,
    ("networking.k8s.io", "servicecidrs"): ServiceCidrStrategy,
    ("node.k8s.io", "runtimeclasses"): RuntimeClassStrategy,
    ("policy", "poddisruptionbudgets"): PodDisruptionBudgetStrategy,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): ClusterRoleBindingStrategy,
    ("rbac.authorization.k8s.io", "clusterroles"): ClusterRoleStrategy,
    ("rbac.authorization.k8s.io", "rolebindings"): RoleBindingStrategy,
    ("rbac.authorization.k8s.io", "roles"): RoleStrategy,
    ("resource.k8s.io", "deviceclasses"): DeviceClassStrategy,
    ("resource.k8s.io", "resourceclaims"): ResourceClaimStrategy,
    ("resource.k8s.io", "resourceclaimtemplates"): ResourceClaimTemplateStrategy,
    ("resource.k8s.io", "resourceslices"): ResourceSliceStrategy,
    ("scheduling.k8s.io", "priorityclasses"): PriorityClassStrategy,
    ("storage.k8s.io", "csidrivers"): CsiDriverStrategy,
    ("storage.k8s.io", "csinodes"): CsiNodeStrategy,
    ("storage.k8s.io", "csistoragecapacities"): CsiStorageCapacityStrategy,
    ("storage.k8s.io", "storageclasses"): StorageClassStrategy,
    ("storage.k8s.io", "volumeattachments"): VolumeAttachmentStrategy,
    ("storage.k8s.io", "volumeattributesclasses"): VolumeAttributesClassStrategy,
}


def find_strategy(resource: Resource, settings: ServerSettings = DEFAULT_SETTINGS) -> ResourceStrategy:
    """Return the strategy of a resource. Raise LookupError for a resource without a line in STRATEGIES."""
    strategy = STRATEGIES.get((resource.group, resource.plural))
    if strategy is None:
        raise LookupError(f"{__name__}: STRATEGIES has no line for {resource.group_resource}")
    return strategy(resource, settings)
