"""The work queues have upstream's names: dashboards and alerts select the workqueue_* metrics by them."""

from __future__ import annotations

from typing import Final

import pytest

from kprov.kube.controller_manager import registry

#: The queues of upstream's controllers that have a name. The first is that of ours, where ours has fewer.
QUEUES: Final[dict[str, tuple[str, ...]]] = {
    "deployment-controller": ("deployment",),
    "replicaset-controller": ("replicaset",),
    "replicationcontroller-controller": ("replicationmanager",),
    "daemonset-controller": ("daemonset", "daemonset-node-updates"),
    "statefulset-controller": ("statefulset",),
    "job-controller": ("job", "job_orphan_pod"),
    "cronjob-controller": ("cronjob",),
    "disruption-controller": ("disruption", "disruption_recheck", "stale_pod_disruption"),
    "endpointslice-controller": ("endpoint_slice",),
    "endpointslice-mirroring-controller": ("endpoint_slice_mirroring",),
    "endpoints-controller": ("endpoint",),
    "node-lifecycle-controller": ("node_lifecycle_controller", "node_lifecycle_controller_pods"),
    "taint-eviction-controller": ("noexec_taint_pod", "noexec_taint_node"),
    "node-ipam-controller": ("cidrallocator_node",),
    "namespace-controller": ("namespace",),
    "serviceaccount-controller": ("serviceaccount",),
    "serviceaccount-token-controller": ("serviceaccount_tokens_service",),
    "root-ca-certificate-publisher-controller": ("root_ca_cert_publisher",),
    # Upstream's has nodes that are gone. Ours looks at all nodes every 20 s, as upstream's does besides.
    "pod-garbage-collector-controller": ("", "orphaned_pods_nodes"),
    "clusterrole-aggregation-controller": ("ClusterRoleAggregator",),
    "ttl-controller": ("ttlcontroller",),
    "ttl-after-finished-controller": ("ttl_jobs_to_delete",),
    "garbage-collector-controller": (
        "garbage_collector_attempt_to_delete",
        "garbage_collector_attempt_to_orphan",
        "garbage_collector_graph_changes",
    ),
    "service-cidr-controller": ("ipaddresses",),
    "certificatesigningrequest-signing-controller": ("certificate",),
    "certificatesigningrequest-approving-controller": ("certificate",),
    "certificatesigningrequest-cleaner-controller": ("",),
    "bootstrap-signer-controller": ("bootstrap_signer_queue",),
    "token-cleaner-controller": ("token_cleaner",),
    "resourcequota-controller": (
        "resourcequota_primary",
        "resourcequota_priority",
        "resource_quota_controller_resource_changes",
    ),
    "persistentvolume-binder-controller": ("claims", "volumes"),
    "persistentvolume-protection-controller": ("pvprotection",),
    "persistentvolumeclaim-protection-controller": ("pvcprotection",),
    "ephemeral-volume-controller": ("ephemeral_volume",),
    "persistentvolume-expander-controller": ("volume_expand",),
    "volumeattributesclass-protection-controller": ("vacprotection",),
    "legacy-serviceaccount-token-cleaner-controller": ("",),
    "device-taint-eviction-controller": ("device-taint-eviction-controller",),
    "resourceclaim-controller": ("resource_claim",),
    "selinux-warning-controller": ("selinux_warning",),
    "persistentvolume-attach-detach-controller": ("pvcs",),
    "validatingadmissionpolicy-status-controller": ("validatingadmissionpolicy-status",),
}


@pytest.mark.parametrize("controller", registry.CONTROLLERS)
def test_the_queue_of_a_controller_has_upstreams_name(controller: str) -> None:
    assert registry.load_controller(controller).get_queue_name() == QUEUES[controller][0]
