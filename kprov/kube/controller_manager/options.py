"""Flags of kube-controller-manager (cmd/kube-controller-manager/app/options)."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from kprov.kube.component_base.options import FlagSet
from kprov.kube.component_base.serving_flags import add_serving_flags, find_serving_problem
from kprov.kube.component_base.unused_flags import COMMON, add_unused_flags
from kprov.kube.controller_manager.unused_flags import UNUSED

#: --concurrent-NAME-syncs: the default and what is synced. DaemonSets: 2 upstream.
_CONCURRENT: Final = {
    "cron-job": (5, "cron jobs"),
    "daemonset": (5, "daemon sets"),
    "deployment": (5, "deployments"),
    "device-taint-eviction": (8, "pods on tainted devices"),
    "endpoint": (5, "endpoints of services"),
    "ephemeralvolume": (5, "pods with ephemeral volumes"),
    "gc": (20, "objects without an owner"),
    "job": (5, "jobs"),
    "namespace": (10, "namespaces"),
    "rc": (5, "replication controllers"),
    "replicaset": (5, "replica sets"),
    "resource-quota": (5, "quotas"),
    "resourceclaim": (50, "resource claims"),
    "service-endpoint": (5, "endpoint slices of services"),
    "serviceaccount-token": (5, "service accounts' tokens"),
    "statefulset": (5, "stateful sets"),
    "ttl-after-finished": (5, "finished jobs with a TTL"),
    "validating-admission-policy-status": (5, "admission policies whose types are checked"),
}


def parse(argv: Sequence[str] | None = None) -> Namespace:
    """Return the options by attribute, durations in seconds."""
    flags = FlagSet("kube-controller-manager", "Runs the control loops of a cluster.")
    add_serving_flags(flags, 10257)
    _connection(flags)
    _election(flags)
    _controllers(flags)
    _concurrency(flags)
    add_unused_flags(flags, COMMON)
    add_unused_flags(flags, UNUSED)
    options = flags.parse(argv)
    if problem := _find_problem(options):
        raise SystemExit(f"Error: {problem}")
    return options


def _find_problem(options: Namespace) -> str | None:
    """Return the first flag with a wrong value."""
    for name in _CONCURRENT:
        if getattr(options, f"concurrent_{name}_syncs".replace("-", "_")) < 1:
            return f"--concurrent-{name}-syncs: must be at least 1"
    if options.mirroring_concurrent_service_endpoint_syncs < 1:
        return "--mirroring-concurrent-service-endpoint-syncs: must be at least 1"
    if not 1 <= options.max_endpoints_per_slice <= 1000:
        return "--max-endpoints-per-slice: must be between 1 and 1000"
    if options.cidr_allocator_type != "RangeAllocator":
        return f'--cidr-allocator-type: unknown type "{options.cidr_allocator_type}", only RangeAllocator is'
    return find_serving_problem(options)


def _connection(flags: FlagSet) -> None:
    flags.string("kubeconfig", "", "kubeconfig of the API server; empty: the pod's service account")
    flags.string("master", "", "address of the API server, instead of the kubeconfig's")
    # For the informers, and for all controllers together, where upstream has 20/30 for each of about forty.
    flags.floating("kube-api-qps", 200, "requests a second to the API server")
    flags.integer("kube-api-burst", 400, "requests to the API server at once")


def _election(flags: FlagSet) -> None:
    flags.boolean("leader-elect", True, "work only while holding the lease")
    flags.duration("leader-elect-lease-duration", 15, "how long others respect a lease that is not renewed")
    flags.duration("leader-elect-renew-deadline", 10, "how long the leader tries to renew")
    flags.duration("leader-elect-retry-period", 2, "pause between tries")
    flags.string("leader-elect-resource-name", "kube-controller-manager", "name of the lease")
    flags.string("leader-elect-resource-namespace", "kube-system", "its namespace")
    flags.string("leader-elect-resource-lock", "leases", "only leases")


def _controllers(flags: FlagSet) -> None:
    flags.string_list("controllers", ["*"], "'*' all that are on by default, 'foo' on, '-foo' off")
    flags.duration("controller-start-interval", 0, "pause before each controller starts")
    flags.string("cidr-allocator-type", "RangeAllocator", "only RangeAllocator")
    flags.boolean("enable-dynamic-provisioning", True, "ask the provisioners of storage classes for volumes")
    flags.integer("max-endpoints-per-slice", 100, "most endpoints of a slice, 1 to 1000")
    flags.duration("endpointslice-updates-batch-period", 0, "how long changes of pods are joined for slices")
    flags.duration("endpoint-updates-batch-period", 0, "the same for endpoints")
    flags.string("cluster-name", "kubernetes", "accepted, not used")
    flags.string("cluster-cidr", "", "ranges of pods")
    flags.boolean("allocate-node-cidrs", False, "give every node a part of the cluster CIDR")
    flags.integer("node-cidr-mask-size", 0, "prefix length of a node's part, all families")
    flags.integer("node-cidr-mask-size-ipv4", 0, "prefix length for IPv4, default 24")
    flags.integer("node-cidr-mask-size-ipv6", 0, "prefix length for IPv6, default 64")
    flags.string("service-cluster-ip-range", "", "ranges of services, kept free of nodes")
    flags.string("root-ca-file", "", "authority published as kube-root-ca.crt in every namespace")
    flags.string("service-account-private-key-file", "", "signs tokens of token secrets")
    flags.boolean("use-service-account-credentials", False, "each controller uses a service account")
    flags.duration("node-monitor-period", 5, "how often nodes are looked at")
    flags.duration("node-monitor-grace-period", 50, "silence after which a node is unreachable")
    flags.duration("node-startup-grace-period", 60, "the same for a node that has never reported")
    flags.floating("node-eviction-rate", 0.1, "nodes a second that may be marked for eviction in a zone")
    flags.floating("secondary-node-eviction-rate", 0.01, "the same in an unhealthy zone of a large cluster")
    flags.floating("unhealthy-zone-threshold", 0.55, "part of not ready nodes that makes a zone unhealthy")
    flags.integer("large-cluster-size-threshold", 50, "nodes up to which unhealthy zones evict nothing")
    flags.integer("terminated-pod-gc-threshold", 12500, "ended pods that are kept")
    flags.boolean("enable-garbage-collector", True, "collect objects whose owners are gone")
    flags.duration("pvclaimbinder-sync-period", 15, "how often all claims and volumes are looked at")
    flags.duration("attach-detach-reconcile-sync-period", 60, "how often all attached volumes are checked")
    flags.boolean("disable-attach-detach-reconcile-sync", False, "check attached volumes only on changes")
    flags.boolean(
        "disable-force-detach-on-timeout",
        False,
        "never detach a volume that an unhealthy node has not unmounted, unless the node is out of service",
    )
    flags.duration(
        "legacy-service-account-token-clean-up-period",
        365 * 24 * 3600,
        "how long a generated token must be unused, and then invalid, until it is deleted",
    )
    flags.duration("resource-quota-sync-period", 300, "how often all quotas are counted again")
    flags.integer("mirroring-max-endpoints-per-subset", 1000, "addresses of a subset that are mirrored")
    flags.duration(
        "mirroring-endpointslice-updates-batch-period", 0, "how long changes of mirrors are joined"
    )
    flags.string("cluster-signing-cert-file", "", "authority that signs certificate requests")
    flags.string("cluster-signing-key-file", "", "its key")
    for name in ("kubelet-serving", "kubelet-client", "kube-apiserver-client", "legacy-unknown"):
        flags.string(f"cluster-signing-{name}-cert-file", "", f"the authority of the signer {name} alone")
        flags.string(f"cluster-signing-{name}-key-file", "", "its key")
    flags.duration("cluster-signing-duration", 365 * 24 * 3600, "longest life of signed certificates")


def _concurrency(flags: FlagSet) -> None:
    for name, (default, objects) in _CONCURRENT.items():
        flags.integer(f"concurrent-{name}-syncs", default, f"how many {objects} are synced at once")
    flags.integer("mirroring-concurrent-service-endpoint-syncs", 5, "how many endpoints are mirrored at once")
