"""Flags of kube-controller-manager (cmd/kube-controller-manager/app/options)."""

from argparse import Namespace
from collections.abc import Sequence

from kprov.kube.component_base.options import FlagSet


def parse(argv: Sequence[str] | None = None) -> Namespace:
    """The options by attribute, durations in seconds."""
    flags = FlagSet("kube-controller-manager", "Runs the control loops of a cluster.")
    _serving(flags)
    _election(flags)
    _controllers(flags)
    return flags.parse(argv)


def _serving(flags: FlagSet) -> None:
    flags.string("kubeconfig", "", "kubeconfig of the API server; empty: the pod's service account")
    flags.string("authentication-kubeconfig", "", "kubeconfig for reviews of bearer tokens")
    flags.string("authorization-kubeconfig", "", "kubeconfig for reviews of access")
    flags.string("bind-address", "0.0.0.0", "address of the secure port")
    flags.integer("secure-port", 10257, "port for health and metrics, 0 for none")
    flags.string("tls-cert-file", "", "certificate of the secure port; empty: one is made")
    flags.string("tls-private-key-file", "", "its key")
    flags.string("client-ca-file", "", "authority of client certificates")
    flags.string("requestheader-client-ca-file", "", "accepted, not used: nothing is proxied here")
    # For the informers, and for all controllers together, where upstream has 20/30 for each of about forty.
    flags.floating("kube-api-qps", 200, "requests a second to the API server")
    flags.integer("kube-api-burst", 400, "requests to the API server at once")
    flags.boolean("profiling", True, "accepted, not used")


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
    flags.integer("concurrent-device-taint-eviction-syncs", 8, "how many pods leave tainted devices at once")
    flags.integer("concurrent-resourceclaim-syncs", 50, "how many resource claims are synced at once")
    flags.duration("resource-quota-sync-period", 300, "how often all quotas are counted again")
    flags.integer("mirroring-max-endpoints-per-subset", 1000, "addresses of a subset that are mirrored")
    flags.duration(
        "mirroring-endpointslice-updates-batch-period", 0, "how long changes of mirrors are joined"
    )
    flags.integer("mirroring-concurrent-service-endpoint-syncs", 5, "accepted; loops share one event loop")
    flags.string("cluster-signing-cert-file", "", "authority that signs certificate requests")
    flags.string("cluster-signing-key-file", "", "its key")
    for name in ("kubelet-serving", "kubelet-client", "kube-apiserver-client", "legacy-unknown"):
        flags.string(f"cluster-signing-{name}-cert-file", "", f"the authority of the signer {name} alone")
        flags.string(f"cluster-signing-{name}-key-file", "", "its key")
    flags.duration("cluster-signing-duration", 365 * 24 * 3600, "longest life of signed certificates")
    for name in (
        *("deployment", "replicaset", "service", "endpoint", "namespace", "gc", "daemonset"),
        *("statefulset", "resource-quota", "serviceaccount-token", "rc"),
    ):
        flags.integer(f"concurrent-{name}-syncs", 0, "accepted; loops share one event loop")
    for name, objects in (
        ("job", "jobs"),
        ("cron-job", "cron jobs"),
        ("ttl-after-finished", "finished jobs with a TTL"),
    ):
        flags.integer(f"concurrent-{name}-syncs", 5, f"how many {objects} are synced at once")
