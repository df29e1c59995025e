"""The flags of kube-apiserver, under upstream's names."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from kprov.kube.component_base.options import FlagSet

_STRINGS: Final = {
    "advertise-address": ("", "IP address of the server for members of the cluster"),
    "bind-address": ("0.0.0.0", "IP address to listen on"),
    "etcd-cafile": ("", "CA that verifies etcd's certificates"),
    "etcd-certfile": ("", "client certificate for etcd"),
    "etcd-keyfile": ("", "key of the client certificate for etcd"),
    "client-ca-file": ("", "CA that verifies client certificates"),
    "tls-cert-file": ("", "serving certificate, with intermediates"),
    "tls-private-key-file": ("", "key of the serving certificate"),
    "kubelet-client-certificate": ("", "client certificate for kubelets"),
    "kubelet-client-key": ("", "key of the client certificate for kubelets"),
    "kubelet-certificate-authority": ("", "CA that verifies kubelets' certificates"),
    "service-account-signing-key-file": ("", "private key that signs service account tokens"),
    "service-node-port-range": ("30000-32767", "ports for services of type NodePort, both ends included"),
    "service-account-jwks-uri": ("", "URL of the keys in the OpenID discovery document"),
    "requestheader-client-ca-file": ("", "CA of front proxies"),
    "proxy-client-cert-file": ("", "client certificate towards aggregated API servers"),
    "proxy-client-key-file": ("", "key of the client certificate towards aggregated API servers"),
    "endpoint-reconciler-type": (
        "lease",
        "how the endpoints of the service kubernetes are maintained: lease or none",
    ),
    "authentication-config": ("", "AuthenticationConfiguration: anonymous requests, issuers of JWTs"),
    "authorization-config": ("", "AuthorizationConfiguration, instead of --authorization-mode"),
    "token-auth-file": ("", "CSV of static tokens: token,user,uid[,groups]"),
    "admission-control-config-file": ("", "configuration of admission plugins"),
    "audit-policy-file": ("", "audit.k8s.io/v1 Policy: which requests are recorded, and how"),
    "audit-log-path": ("", "file of audit events; - is standard output"),
    "audit-log-format": ("json", "json, or legacy for lines of text"),
    "audit-log-mode": ("blocking", "batch, blocking or blocking-strict"),
    "audit-log-version": ("audit.k8s.io/v1", "audit.k8s.io/v1"),
    "audit-webhook-config-file": ("", "not supported: there are no audit webhooks"),
    "encryption-provider-config": (
        "",
        "EncryptionConfiguration: which resources are encrypted in etcd, and how",
    ),
    "oidc-issuer-url": ("", "accepted issuer of JWTs, https only"),
    "oidc-client-id": ("", "audience that JWTs must have"),
    "oidc-ca-file": ("", "CA that verifies the issuer's certificate; default: the host's CAs"),
    "oidc-username-claim": ("sub", "claim with the user's name"),
    "oidc-username-prefix": ("", "prefix of each name; default: the issuer and #, except for email; -: none"),
    "oidc-groups-claim": ("", "claim with the user's groups"),
    "oidc-groups-prefix": ("", "prefix of each group"),
    "tls-min-version": ("VersionTLS12", "VersionTLS12 or VersionTLS13"),
    "external-hostname": ("", "host name in discovery documents"),
    "service-cluster-ip-range": ("10.0.0.0/24", "CIDRs of ClusterIPs"),
    "profiling": ("true", "accepted, without effect"),
}
_LISTS: Final = {
    "etcd-servers": ((), "etcd's client URLs"),
    "kubelet-preferred-address-types": (
        ("Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"),
        "order of node address types for connections to kubelets",
    ),
    "service-account-key-file": ((), "public keys that verify service account tokens"),
    "service-account-issuer": ((), "issuer of service account tokens; the first one signs"),
    "api-audiences": ((), "allowed audiences of tokens"),
    "authorization-mode": (("AlwaysAllow",), "authorizers in order: Node, RBAC, AlwaysAllow, AlwaysDeny"),
    "enable-admission-plugins": ((), "admission plugins in addition to the default ones"),
    "disable-admission-plugins": ((), "default admission plugins to disable"),
    "requestheader-allowed-names": ((), "common names of front proxies; empty: any"),
    "requestheader-extra-headers-prefix": ((), "prefixes of headers with a user's extra"),
    "requestheader-group-headers": ((), "headers with a user's groups"),
    "requestheader-username-headers": ((), "headers with a user's name"),
    "requestheader-uid-headers": ((), "headers with a user's uid"),
    "oidc-signing-algs": (("RS256",), "allowed signature algorithms of JWTs"),
    "tls-cipher-suites": ((), "suites for TLS 1.2 in Go's names; default: OpenSSL's secure ones"),
}


_OIDC: Final = (
    *(name for name in (*_STRINGS, *_LISTS) if name.startswith("oidc-")),
    "oidc-required-claim",
)


def parse(argv: Sequence[str] | None = None) -> Namespace:
    """Parse flags to attributes (options.etcd_servers ...). Exit with status 1 for an invalid flag."""
    flags = FlagSet("kube-apiserver", "serves the Kubernetes API over etcd")
    for name, (default, text) in _STRINGS.items():
        flags.string(name, default, text)
    for name, (values, text) in _LISTS.items():
        flags.string_list(name, values, text)
    flags.integer("secure-port", 6443, "port to listen on")
    _add_audit_flags(flags)
    flags.boolean(
        "encryption-provider-config-automatic-reload", False, "whether the file is reloaded when it changes"
    )
    flags.boolean("allow-privileged", False, "whether privileged containers are allowed")
    flags.boolean("anonymous-auth", True, "whether requests without credentials are of system:anonymous")
    flags.boolean(
        "enable-bootstrap-token-auth", False, "whether bootstrap tokens of kube-system are accepted"
    )
    flags.boolean("enable-aggregator-routing", False, "accepted, without effect")
    flags.boolean(
        "service-account-extend-token-expiration",
        True,
        "let the tokens of pods live for a year, with a warning for clients that read them only once",
    )
    flags.boolean("service-account-lookup", True, "whether a token's account and secret must exist")
    flags.integer(
        "default-not-ready-toleration-seconds", 300, "how long pods tolerate a node that is not ready"
    )
    flags.integer("default-unreachable-toleration-seconds", 300, "how long pods tolerate an unreachable node")
    flags.duration("event-ttl", 3600.0, "how long events are kept")
    flags.duration("request-timeout", 60.0, "how long a request may take")
    flags.duration("etcd-healthcheck-timeout", 2.0, "how long the check etcd of /livez and /readyz waits")
    flags.duration("etcd-readycheck-timeout", 2.0, "how long the check etcd-readiness of /readyz waits")
    flags.duration("etcd-compaction-interval", 300.0, "time between compactions of etcd; 0: never")
    flags.duration("shutdown-delay-duration", 0.0, "time between a failing /readyz and the end of listening")
    flags.integer("min-request-timeout", 1800, "minimum timeout of a watch in seconds")
    inflight = (
        "with priority and fairness the sum of both is the number of seats; otherwise the maximum of these"
    )
    flags.integer("max-requests-inflight", 400, f"requests that read: {inflight}")
    flags.integer("max-mutating-requests-inflight", 200, f"requests that write: {inflight}")
    flags.boolean(
        "enable-priority-and-fairness", True, "whether FlowSchemas and priority levels limit requests"
    )
    flags.string_map("oidc-required-claim", "claims that a JWT must have, with their values")
    flags.string_map("feature-gates", "accepted, without effect")
    flags.string_map("runtime-config", "accepted, without effect")
    options = flags.parse(argv)
    #: The values for /flagz.
    options.flags = flags.render_values(options)
    arguments = sys.argv[1:] if argv is None else argv
    options.anonymous_auth_given = _is_given("anonymous-auth", arguments)
    options.oidc_given = any(_is_given(flag, arguments) for flag in _OIDC)
    options.authorization_mode_given = _is_given("authorization-mode", arguments)
    return options


def _is_given(flag: str, argv: Sequence[str]) -> bool:
    """Whether the command line has a flag; some flags and files exclude each other."""
    return any(argument.lstrip("-").partition("=")[0].replace("_", "-") == flag for argument in argv)


def _add_audit_flags(flags: FlagSet) -> None:
    flags.integer("audit-log-maxage", 366, "days to keep rotated audit logs; 0: no limit")
    flags.integer("audit-log-maxbackup", 100, "number of rotated audit logs to keep; 0: no limit")
    flags.integer("audit-log-maxsize", 100, "size of an audit log in MiB at which it is rotated; 0: no limit")
    flags.boolean("audit-log-compress", False, "whether rotated audit logs are compressed")
    flags.integer("audit-log-batch-buffer-size", 10_000, "number of events that may wait in mode batch")
    flags.integer("audit-log-batch-max-size", 1, "number of events of one write in mode batch")
    flags.duration("audit-log-batch-max-wait", 0.0, "how long an event waits for others in mode batch")
