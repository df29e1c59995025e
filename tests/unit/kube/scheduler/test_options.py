"""The flags of kube-scheduler."""

import re
from pathlib import Path
from typing import Final

import pytest

from kprov.kube.scheduler import options

#: The flags that upstream's --help lists (1.36), without --write-config-to.
UPSTREAM: Final = """
config master unsupported-kube-api-over-localhost bind-address cert-dir disable-http2-serving
http2-max-streams-per-connection permit-address-sharing permit-port-sharing secure-port tls-cert-file
tls-cipher-suites tls-curve-preferences tls-min-version tls-private-key-file tls-sni-cert-key
authentication-kubeconfig authentication-skip-lookup authentication-token-webhook-cache-ttl
authentication-tolerate-lookup-failure client-ca-file requestheader-allowed-names requestheader-client-ca-file
requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers
requestheader-username-headers authorization-always-allow-paths authorization-kubeconfig
authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl contention-profiling
kube-api-burst kube-api-content-type kube-api-qps kubeconfig pod-max-in-unschedulable-pods-duration profiling
leader-elect leader-elect-lease-duration leader-elect-renew-deadline leader-elect-resource-lock
leader-elect-resource-name leader-elect-resource-namespace leader-elect-retry-period emulated-version
feature-gates min-compatibility-version allow-metric-labels allow-metric-labels-manifest disabled-metrics
show-hidden-metrics-for-version log-flush-frequency log-json-info-buffer-size log-json-split-stream
log-text-info-buffer-size log-text-split-stream logging-format v vmodule help version
"""


def test_all_flags_of_upstream_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(["--help"])
    assert set(re.findall(r"--([a-z0-9-]+)", capsys.readouterr().out)) >= set(UPSTREAM.split())


def test_flags_hold_where_the_file_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
        "leaderElection: {resourceName: second}\nclientConnection: {kubeconfig: one.conf, burst: 7}\n"
    )
    found = options.parse(
        [
            f"--config={file}",
            "--leader-elect-resource-name=third",
            "--leader-elect-resource-namespace=leases",
            "--kube-api-qps=50",
            "--kube-api-burst=60",
        ]
    )
    assert (found.lease_name, found.lease_namespace) == ("second", "leases")
    assert (found.qps, found.burst) == (50, 7)


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(SystemExit, match="--logging-format: unsupported format"):
        options.parse(["--kubeconfig=one.conf", "--logging-format=json"])
