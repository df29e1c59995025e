"""Flags of upstream's that have no effect here. They are accepted, so that a unit or a manifest still starts.

Each with the reason that --help shows. COMMON: those that several components have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from kprov.kube.component_base.options import FlagSet

HTTP: Final = "the port serves HTTP/1.1"
LOGS: Final = "log lines are written at once, as text"
METRICS: Final = "all metrics are shown, with all labels"
PROXY: Final = "no other server forwards requests to this one"
REVIEWS: Final = "decisions are cached for 10 s"
SERVING: Final = "the port has one certificate"
VERSIONS: Final = "there is one version of each part"

_NONE: Final[Mapping[str, str]] = {}


class UnusedFlags(NamedTuple):
    """Reasons by flag, for each kind of value."""

    strings: Mapping[str, str] = _NONE
    lists: Mapping[str, str] = _NONE
    maps: Mapping[str, str] = _NONE
    booleans: Mapping[str, str] = _NONE
    integers: Mapping[str, str] = _NONE
    durations: Mapping[str, str] = _NONE
    floats: Mapping[str, str] = _NONE


COMMON: Final = UnusedFlags(
    strings={
        "allow-metric-labels-manifest": METRICS,
        "cert-dir": "a certificate that is made stays in memory",
        "kube-api-content-type": "requests are JSON",
        "log-json-info-buffer-size": LOGS,
        "log-text-info-buffer-size": LOGS,
        "requestheader-client-ca-file": PROXY,
        "show-hidden-metrics-for-version": METRICS,
        "vmodule": "--v sets the verbosity of all modules",
    },
    lists={
        "disabled-metrics": METRICS,
        "emulated-version": VERSIONS,
        "min-compatibility-version": VERSIONS,
        "requestheader-allowed-names": PROXY,
        "requestheader-extra-headers-prefix": PROXY,
        "requestheader-group-headers": PROXY,
        "requestheader-uid-headers": PROXY,
        "requestheader-username-headers": PROXY,
        "tls-curve-preferences": "OpenSSL's preferences hold",
        "tls-sni-cert-key": SERVING,
    },
    maps={
        "allow-metric-labels": METRICS,
        "feature-gates": "features that are off by default upstream are not written",
    },
    booleans={
        "authentication-skip-lookup": "nothing is looked up: flags name the authorities",
        "authentication-tolerate-lookup-failure": "nothing is looked up: flags name the authorities",
        "contention-profiling": "there is no profiling",
        "disable-http2-serving": HTTP,
        "log-json-split-stream": LOGS,
        "log-text-split-stream": LOGS,
        "permit-address-sharing": "SO_REUSEADDR is always set",
        "permit-port-sharing": "one process listens",
        "profiling": "there is no profiling",
        "unsupported-kube-api-over-localhost": "the kubeconfig names the server",
    },
    integers={"http2-max-streams-per-connection": HTTP},
    durations={
        "authentication-token-webhook-cache-ttl": REVIEWS,
        "authorization-webhook-cache-authorized-ttl": REVIEWS,
        "authorization-webhook-cache-unauthorized-ttl": REVIEWS,
        "log-flush-frequency": LOGS,
    },
)


def add_unused_flags(flags: FlagSet, unused: UnusedFlags) -> None:
    """Accept these flags; --help says why they have no effect."""
    for add, table in (
        (flags.string, unused.strings),
        (flags.string_list, unused.lists),
        (flags.string_map, unused.maps),
        (flags.boolean, unused.booleans),
        (flags.integer, unused.integers),
        (flags.duration, unused.durations),
        (flags.floating, unused.floats),
    ):
        for name, reason in table.items():
            add(name, text=f"accepted, without effect: {reason}")
