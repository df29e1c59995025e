"""Flags of upstream's that have no effect here. They are accepted, so that a unit or a manifest still starts.

A table, with the reason that --help shows.
"""

from typing import Final

from kprov.kube.component_base.options import FlagSet

_CLOUD: Final = "there is no cloud provider in this program"
_HPA: Final = "the horizontal pod autoscaler is not written yet"
_HTTP: Final = "the port serves HTTP/1.1"
_LOGS: Final = "log lines are written at once, as text"
_METRICS: Final = "all metrics are shown, with all labels"
_PROXY: Final = "no other server forwards requests to this one"
_RECYCLER: Final = "volumes are not recycled"
_REVIEWS: Final = "decisions are cached for 10 s"
_SERVING: Final = "the port has one certificate"
_VERSIONS: Final = "there is one version of each part"

_STRINGS: Final = {
    "allow-metric-labels-manifest": _METRICS,
    "cert-dir": "a certificate that is made stays in memory",
    "cloud-config": _CLOUD,
    "cloud-provider": _CLOUD,
    "external-cloud-volume-plugin": _CLOUD,
    "flex-volume-plugin-dir": "FlexVolumes are attached by no controller",
    "kube-api-content-type": "requests are JSON",
    "leader-migration-config": _CLOUD,
    "log-json-info-buffer-size": _LOGS,
    "log-text-info-buffer-size": _LOGS,
    "pv-recycler-pod-template-filepath-hostpath": _RECYCLER,
    "pv-recycler-pod-template-filepath-nfs": _RECYCLER,
    "show-hidden-metrics-for-version": _METRICS,
    "vmodule": "--v sets the verbosity of all modules",
}
_LISTS: Final = {
    "disabled-metrics": _METRICS,
    "emulated-version": _VERSIONS,
    "min-compatibility-version": _VERSIONS,
    "requestheader-allowed-names": _PROXY,
    "requestheader-extra-headers-prefix": _PROXY,
    "requestheader-group-headers": _PROXY,
    "requestheader-uid-headers": _PROXY,
    "requestheader-username-headers": _PROXY,
    "tls-curve-preferences": "OpenSSL's preferences hold",
    "tls-sni-cert-key": _SERVING,
}
_MAPS: Final = {
    "allow-metric-labels": _METRICS,
    "feature-gates": "features that are off by default upstream are not written",
}
_BOOLEANS: Final = {
    "authentication-skip-lookup": "nothing is looked up: flags name the authorities",
    "authentication-tolerate-lookup-failure": "nothing is looked up: flags name the authorities",
    "configure-cloud-routes": _CLOUD,
    "contention-profiling": "there is no profiling",
    "disable-http2-serving": _HTTP,
    "enable-hostpath-provisioner": "the local path provisioner is a program of its own",
    "enable-leader-migration": _CLOUD,
    "log-json-split-stream": _LOGS,
    "log-text-split-stream": _LOGS,
    "permit-address-sharing": "SO_REUSEADDR is always set",
    "permit-port-sharing": "one process listens",
    "unsupported-kube-api-over-localhost": "the kubeconfig names the server",
}
_INTEGERS: Final = {
    "concurrent-horizontal-pod-autoscaler-syncs": _HPA,
    "concurrent-service-syncs": _CLOUD,
    "http2-max-streams-per-connection": _HTTP,
    "pv-recycler-increment-timeout-nfs": _RECYCLER,
    "pv-recycler-minimum-timeout-hostpath": _RECYCLER,
    "pv-recycler-minimum-timeout-nfs": _RECYCLER,
    "pv-recycler-timeout-increment-hostpath": _RECYCLER,
}
_DURATIONS: Final = {
    "authentication-token-webhook-cache-ttl": _REVIEWS,
    "authorization-webhook-cache-authorized-ttl": _REVIEWS,
    "authorization-webhook-cache-unauthorized-ttl": _REVIEWS,
    "controller-shutdown-timeout": "controllers stop at once",
    "horizontal-pod-autoscaler-cpu-initialization-period": _HPA,
    "horizontal-pod-autoscaler-downscale-stabilization": _HPA,
    "horizontal-pod-autoscaler-initial-readiness-delay": _HPA,
    "horizontal-pod-autoscaler-sync-period": _HPA,
    "log-flush-frequency": _LOGS,
    "min-resync-period": "informers do not repeat what they have shown",
    "namespace-sync-period": "a namespace that still has content is tried again by itself",
    "route-reconciliation-period": _CLOUD,
}
_FLOATS: Final = {"horizontal-pod-autoscaler-tolerance": _HPA}


def add_flags(flags: FlagSet) -> None:
    for add, table in (
        (flags.string, _STRINGS),
        (flags.string_list, _LISTS),
        (flags.string_map, _MAPS),
        (flags.boolean, _BOOLEANS),
        (flags.integer, _INTEGERS),
        (flags.duration, _DURATIONS),
        (flags.floating, _FLOATS),
    ):
        for name, reason in table.items():
            add(name, text=f"accepted, without effect: {reason}")
