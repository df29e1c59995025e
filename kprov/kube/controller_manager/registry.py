"""The controllers by name, and which of them run (NewControllerDescriptors, IsControllerEnabled)."""

from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

# Name > "module:class"; imported only when the controller runs.
CONTROLLERS: Final[dict[str, str]] = {
    "deployment-controller": "deployment.controller:DeploymentController",
    "replicaset-controller": "replicaset.controller:ReplicaSetController",
    "replicationcontroller-controller": "replication:ReplicationControllerController",
    "daemonset-controller": "daemonset.controller:DaemonSetController",
    "statefulset-controller": "statefulset.controller:StatefulSetController",
    "job-controller": "job.controller:JobController",
    "cronjob-controller": "cron_job.controller:CronJobController",
    "disruption-controller": "disruption.controller:DisruptionController",
    "endpointslice-controller": "endpoints.slice_controller:EndpointSliceController",
    "endpointslice-mirroring-controller": "endpoints.mirroring_controller:EndpointSliceMirroringController",
    "endpoints-controller": "endpoints.endpoints_controller:EndpointsController",
    "node-lifecycle-controller": "node.lifecycle:NodeLifecycleController",
    "taint-eviction-controller": "node.taint_eviction:TaintEvictionController",
    "node-ipam-controller": "node.ipam:NodeIpamController",
    "namespace-controller": "namespace:NamespaceController",
    "serviceaccount-controller": "service_account.service_accounts:ServiceAccountController",
    "serviceaccount-token-controller": "service_account.token_secrets:TokenSecretController",
    "root-ca-certificate-publisher-controller": "service_account.root_ca_publisher:RootCaPublisher",
    "pod-garbage-collector-controller": "pod_gc:PodGarbageCollector",
    "clusterrole-aggregation-controller": "cluster_role_aggregation:ClusterRoleAggregation",
    "ttl-controller": "ttl:TtlController",
    "ttl-after-finished-controller": "ttl_after_finished:TtlAfterFinishedController",
    "garbage-collector-controller": "garbage_collector.controller:GarbageCollector",
    "service-cidr-controller": "service_cidr:ServiceCidrController",
    "certificatesigningrequest-signing-controller": "certificates.signing:CertificateSigningController",
    "certificatesigningrequest-approving-controller": "certificates.approving:CertificateApprovingController",
    "certificatesigningrequest-cleaner-controller": "certificates.cleaner:CertificateCleanerController",
    "bootstrap-signer-controller": "bootstrap.signer:BootstrapSigner",
    "token-cleaner-controller": "bootstrap.token_cleaner:TokenCleaner",
    "resourcequota-controller": "resource_quota.controller:ResourceQuotaController",
    "persistentvolume-binder-controller": "volumes.binder:PersistentVolumeBinderController",
    "persistentvolume-protection-controller": "volumes.protection:VolumeProtectionController",
    "persistentvolumeclaim-protection-controller": "volumes.protection:ClaimProtectionController",
    "ephemeral-volume-controller": "volumes.ephemeral:EphemeralVolumeController",
    "persistentvolume-expander-controller": "volumes.expander:ExpanderController",
    "volumeattributesclass-protection-controller": (
        "volumes.attributes_class_protection:AttributesClassProtectionController"
    ),
    "legacy-serviceaccount-token-cleaner-controller": (
        "service_account.legacy_token_cleaner:LegacyTokenCleanerController"
    ),
    "device-taint-eviction-controller": "device_taint_eviction.controller:DeviceTaintEvictionController",
    "resourceclaim-controller": "resource_claims.controller:ResourceClaimController",
    "selinux-warning-controller": "volumes.selinux_warning.controller:SELinuxWarningController",
    "persistentvolume-attach-detach-controller": "volumes.attach_detach.controller:AttachDetachController",
    "validatingadmissionpolicy-status-controller": (
        "admission_policy_status.controller:AdmissionPolicyStatusController"
    ),
}

# Service account of each controller. Its role in the bootstrap policy is system:controller:ACCOUNT, a cluster
# role except for the two bootstrap controllers.
ACCOUNTS: Final[dict[str, str]] = {
    "deployment-controller": "deployment-controller",
    "replicaset-controller": "replicaset-controller",
    "replicationcontroller-controller": "replication-controller",
    "daemonset-controller": "daemon-set-controller",
    "statefulset-controller": "statefulset-controller",
    "job-controller": "job-controller",
    "cronjob-controller": "cronjob-controller",
    "disruption-controller": "disruption-controller",
    "endpointslice-controller": "endpointslice-controller",
    "endpointslice-mirroring-controller": "endpointslicemirroring-controller",
    "endpoints-controller": "endpoint-controller",
    "node-lifecycle-controller": "node-controller",
    "taint-eviction-controller": "node-controller",
    "node-ipam-controller": "node-controller",
    "namespace-controller": "namespace-controller",
    "serviceaccount-controller": "service-account-controller",
    "root-ca-certificate-publisher-controller": "root-ca-cert-publisher",
    "pod-garbage-collector-controller": "pod-garbage-collector",
    "clusterrole-aggregation-controller": "clusterrole-aggregation-controller",
    "ttl-controller": "ttl-controller",
    "ttl-after-finished-controller": "ttl-after-finished-controller",
    "garbage-collector-controller": "generic-garbage-collector",
    "service-cidr-controller": "service-cidrs-controller",
    "certificatesigningrequest-signing-controller": "certificate-controller",
    "certificatesigningrequest-approving-controller": "certificate-controller",
    "certificatesigningrequest-cleaner-controller": "certificate-controller",
    "bootstrap-signer-controller": "bootstrap-signer",
    "token-cleaner-controller": "token-cleaner",
    "resourcequota-controller": "resourcequota-controller",
    "persistentvolume-binder-controller": "persistent-volume-binder",
    "persistentvolume-attach-detach-controller": "attachdetach-controller",
    "device-taint-eviction-controller": "device-taint-eviction-controller",
    "resourceclaim-controller": "resource-claim-controller",
    "selinux-warning-controller": "selinux-warning-controller",
    "persistentvolume-expander-controller": "expand-controller",
    "persistentvolume-protection-controller": "pv-protection-controller",
    "persistentvolumeclaim-protection-controller": "pvc-protection-controller",
    "ephemeral-volume-controller": "ephemeral-volume-controller",
    "volumeattributesclass-protection-controller": "volumeattributesclass-protection-controller",
    "legacy-serviceaccount-token-cleaner-controller": "legacy-service-account-token-cleaner",
    "validatingadmissionpolicy-status-controller": "validatingadmissionpolicy-status-controller",
}

#: Works with the identity of the kubeconfig, since the tokens of the others may depend on it.
ROOT_CLIENTS: Final[dict[str, str]] = {"serviceaccount-token-controller": "tokens-controller"}

# Upstream's names before 1.28, still valid in --controllers.
ALIASES: Final[dict[str, str]] = {
    "deployment": "deployment-controller",
    "replicaset": "replicaset-controller",
    "replicationcontroller": "replicationcontroller-controller",
    "daemonset": "daemonset-controller",
    "statefulset": "statefulset-controller",
    "job": "job-controller",
    "cronjob": "cronjob-controller",
    "disruption": "disruption-controller",
    "endpointslice": "endpointslice-controller",
    "endpointslicemirroring": "endpointslice-mirroring-controller",
    "endpoint": "endpoints-controller",
    "nodelifecycle": "node-lifecycle-controller",
    "nodeipam": "node-ipam-controller",
    "namespace": "namespace-controller",
    "serviceaccount": "serviceaccount-controller",
    "serviceaccount-token": "serviceaccount-token-controller",
    "root-ca-cert-publisher": "root-ca-certificate-publisher-controller",
    "podgc": "pod-garbage-collector-controller",
    "clusterrole-aggregation": "clusterrole-aggregation-controller",
    "ttl": "ttl-controller",
    "ttl-after-finished": "ttl-after-finished-controller",
    "garbagecollector": "garbage-collector-controller",
    "csrsigning": "certificatesigningrequest-signing-controller",
    "csrapproving": "certificatesigningrequest-approving-controller",
    "csrcleaner": "certificatesigningrequest-cleaner-controller",
    "bootstrapsigner": "bootstrap-signer-controller",
    "tokencleaner": "token-cleaner-controller",
    "resourcequota": "resourcequota-controller",
    "persistentvolume-binder": "persistentvolume-binder-controller",
    "pv-protection": "persistentvolume-protection-controller",
    "pvc-protection": "persistentvolumeclaim-protection-controller",
    "ephemeral-volume": "ephemeral-volume-controller",
    "persistentvolume-expander": "persistentvolume-expander-controller",
    "legacy-service-account-token-cleaner": "legacy-serviceaccount-token-cleaner-controller",
    "resource-claim-controller": "resourceclaim-controller",
    "attachdetach": "persistentvolume-attach-detach-controller",
}

#: Not enabled by "*", only by name.
DISABLED_BY_DEFAULT: Final = frozenset(
    {"bootstrap-signer-controller", "selinux-warning-controller", "token-cleaner-controller"}
)

#: Upstream's controllers that are not written. --controllers may turn them off.
MISSING: Final = frozenset(
    {
        *("cloud-node-lifecycle-controller", "cloud-node-lifecycle"),
        *("horizontal-pod-autoscaler-controller", "horizontalpodautoscaling"),
        "kube-apiserver-serving-clustertrustbundle-publisher-controller",
        *("node-route-controller", "route"),
        "podcertificaterequest-cleaner-controller",
        "podgroup-protection-controller",
        "resourcepoolstatusrequest-controller",
        *("service-lb-controller", "service"),
        *("storage-version-migrator-controller", "svm"),
        *("storageversion-garbage-collector-controller", "storage-version-gc"),
    }
)

_PACKAGE: Final = "kprov.kube.controller_manager"


def is_enabled(name: str, selection: Sequence[str]) -> bool:
    """Whether --controllers enables the controller: by its name or alias, or "*" with it on by default."""
    names = {name, *(alias for alias, full in ALIASES.items() if full == name)}
    for entry in selection:
        if entry in names:
            return True
        if entry.removeprefix("-") in names:
            return False
    return "*" in selection and name not in DISABLED_BY_DEFAULT


def find_unknown(selection: Sequence[str]) -> list[str]:
    """Entries that name no controller, or turn on one that is not written."""
    known = {"*", *CONTROLLERS, *ALIASES, *(f"-{name}" for name in MISSING)}
    return [entry for entry in selection if entry not in known and entry.removeprefix("-") not in known]


def load_controller(name: str) -> Any:
    """Return the class of a controller."""
    module, _, attribute = CONTROLLERS[name].partition(":")
    return getattr(import_module(f"{_PACKAGE}.{module}"), attribute)


def has_required_options(name: str, options: Namespace) -> bool:
    """Whether the options that the controller needs are set. Without them it does not start, as upstream."""
    match name:
        case "node-ipam-controller":
            return bool(options.allocate_node_cidrs and options.cluster_cidr)
        case "root-ca-certificate-publisher-controller":
            return bool(options.root_ca_file)
        case "serviceaccount-token-controller":
            return bool(options.service_account_private_key_file)
        case "garbage-collector-controller":
            return bool(options.enable_garbage_collector)
        case "certificatesigningrequest-signing-controller":
            # Imported here: the other controllers do without its libraries.
            from kprov.kube.controller_manager.certificates.signing import SIGNERS, find_authority_files

            return any(find_authority_files(options, signer) for signer in SIGNERS.values())
        case _:
            return True
