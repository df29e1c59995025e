"""The flags of the controller manager."""

import re
from typing import Final

import pytest

from kprov.kube.controller_manager import options

#: The flags that upstream's --help lists (1.36).
UPSTREAM: Final = """
allocate-node-cidrs allow-metric-labels allow-metric-labels-manifest attach-detach-reconcile-sync-period
authentication-kubeconfig authentication-skip-lookup authentication-token-webhook-cache-ttl
authentication-tolerate-lookup-failure authorization-always-allow-paths authorization-kubeconfig
authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl bind-address
cert-dir cidr-allocator-type client-ca-file cloud-config cloud-provider cluster-cidr cluster-name
cluster-signing-cert-file cluster-signing-duration cluster-signing-key-file
cluster-signing-kube-apiserver-client-cert-file cluster-signing-kube-apiserver-client-key-file
cluster-signing-kubelet-client-cert-file cluster-signing-kubelet-client-key-file
cluster-signing-kubelet-serving-cert-file cluster-signing-kubelet-serving-key-file
cluster-signing-legacy-unknown-cert-file cluster-signing-legacy-unknown-key-file concurrent-cron-job-syncs
concurrent-daemonset-syncs concurrent-deployment-syncs concurrent-device-taint-eviction-syncs
concurrent-endpoint-syncs concurrent-ephemeralvolume-syncs concurrent-gc-syncs
concurrent-horizontal-pod-autoscaler-syncs concurrent-job-syncs concurrent-namespace-syncs
concurrent-rc-syncs concurrent-replicaset-syncs concurrent-resource-quota-syncs
concurrent-resourceclaim-syncs concurrent-service-endpoint-syncs concurrent-service-syncs
concurrent-serviceaccount-token-syncs concurrent-statefulset-syncs concurrent-ttl-after-finished-syncs
concurrent-validating-admission-policy-status-syncs configure-cloud-routes contention-profiling
controller-shutdown-timeout controller-start-interval controllers disable-attach-detach-reconcile-sync
disable-force-detach-on-timeout disable-http2-serving disabled-metrics emulated-version
enable-dynamic-provisioning enable-garbage-collector enable-hostpath-provisioner enable-leader-migration
endpoint-updates-batch-period endpointslice-updates-batch-period external-cloud-volume-plugin feature-gates
flex-volume-plugin-dir help horizontal-pod-autoscaler-cpu-initialization-period
horizontal-pod-autoscaler-downscale-stabilization horizontal-pod-autoscaler-initial-readiness-delay
horizontal-pod-autoscaler-sync-period horizontal-pod-autoscaler-tolerance http2-max-streams-per-connection
kube-api-burst kube-api-content-type kube-api-qps kubeconfig large-cluster-size-threshold leader-elect
leader-elect-lease-duration leader-elect-renew-deadline leader-elect-resource-lock
leader-elect-resource-name leader-elect-resource-namespace leader-elect-retry-period leader-migration-config
legacy-service-account-token-clean-up-period log-flush-frequency log-json-info-buffer-size
log-json-split-stream log-text-info-buffer-size log-text-split-stream logging-format master
max-endpoints-per-slice min-compatibility-version min-resync-period
mirroring-concurrent-service-endpoint-syncs mirroring-endpointslice-updates-batch-period
mirroring-max-endpoints-per-subset namespace-sync-period node-cidr-mask-size node-cidr-mask-size-ipv4
node-cidr-mask-size-ipv6 node-eviction-rate node-monitor-grace-period node-monitor-period
node-startup-grace-period permit-address-sharing permit-port-sharing profiling
pv-recycler-increment-timeout-nfs pv-recycler-minimum-timeout-hostpath pv-recycler-minimum-timeout-nfs
pv-recycler-pod-template-filepath-hostpath pv-recycler-pod-template-filepath-nfs
pv-recycler-timeout-increment-hostpath pvclaimbinder-sync-period requestheader-allowed-names
requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers
requestheader-uid-headers requestheader-username-headers resource-quota-sync-period root-ca-file
route-reconciliation-period secondary-node-eviction-rate secure-port service-account-private-key-file
service-cluster-ip-range show-hidden-metrics-for-version terminated-pod-gc-threshold tls-cert-file
tls-cipher-suites tls-curve-preferences tls-min-version tls-private-key-file tls-sni-cert-key
unhealthy-zone-threshold unsupported-kube-api-over-localhost use-service-account-credentials v version
vmodule
"""


def test_all_flags_of_upstream_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(["--help"])
    known = set(re.findall(r"^ +(?:-h, )?--([a-z0-9-]+)", capsys.readouterr().out, re.MULTILINE))
    assert known >= set(UPSTREAM.split())


def test_a_command_line_of_kubeadm_is_accepted() -> None:
    argv = """--allocate-node-cidrs=true --authentication-kubeconfig=/k --bind-address=127.0.0.1
    --feature-gates=A=true,B=false --horizontal-pod-autoscaler-sync-period=10s --tls-min-version=VersionTLS13
    --cloud-provider=external --tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 --logging-format=text
    --concurrent-gc-syncs=40 --requestheader-allowed-names=front-proxy-client --contention-profiling"""
    parsed = options.parse(argv.split())
    assert (parsed.concurrent_gc_syncs, parsed.tls_min_version) == (40, "VersionTLS13")


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--concurrent-job-syncs=0", "--concurrent-job-syncs: must be at least 1"),
        ("--max-endpoints-per-slice=1001", "--max-endpoints-per-slice: must be between 1 and 1000"),
        ("--logging-format=json", '--logging-format: unsupported format "json", only "text" is known'),
        ("--cidr-allocator-type=X", '--cidr-allocator-type: unknown type "X", only RangeAllocator is'),
        ("--tls-min-version=VersionTLS10", '--tls-min-version: unknown tls version "VersionTLS10"'),
        ("--tls-cipher-suites=X", "--tls-cipher-suites: Cipher suite X not supported"),
    ],
)
def test_a_wrong_value_names_the_flag(argument: str, complaint: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(complaint)):
        options.parse([argument])
