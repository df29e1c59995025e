"""The flags of kube-apiserver, under upstream's names."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from kprov.kube.component_base.options import FlagSet

_STRINGS: Final = {
    "advertise-address": ("", "IP address on which the server is told to the members of the cluster"),
    "bind-address": ("0.0.0.0", "IP address to listen on"),
    "etcd-cafile": ("", "CA that etcd's certificates are verified with"),
    "etcd-certfile": ("", "client certificate for etcd"),
    "etcd-keyfile": ("", "key of the client certificate for etcd"),
    "client-ca-file": ("", "CA that client certificates are verified with"),
    "tls-cert-file": ("", "serving certificate, with intermediates"),
    "tls-private-key-file": ("", "key of the serving certificate"),
    "kubelet-client-certificate": ("", "client certificate for kubelets"),
    "kubelet-client-key": ("", "key of the client certificate for kubelets"),
    "kubelet-certificate-authority": ("", "CA that kubelets' certificates are verified with"),
    "service-account-signing-key-file": ("", "private key that signs service account tokens"),
    "service-node-port-range": ("30000-32767", "ports for services of type NodePort, both ends included"),
    "service-account-jwks-uri": ("", "where the discovery document says the keys are"),
    "requestheader-client-ca-file": ("", "CA of front proxies"),
    "proxy-client-cert-file": ("", "client certificate towards aggregated API servers"),
    "proxy-client-key-file": ("", "its key"),
    "endpoint-reconciler-type": ("lease", "how the kubernetes service's endpoints are kept: lease or none"),
    "authentication-config": ("", "AuthenticationConfiguration: anonymous requests, issuers of JWTs"),
    "authorization-config": ("", "AuthorizationConfiguration, instead of --authorization-mode"),
    "token-auth-file": ("", "CSV of static tokens: token,user,uid[,groups]"),
    "admission-control-config-file": ("", "configuration of admission plugins"),
    "audit-policy-file": ("", "audit.k8s.io/v1 Policy: what is recorded of which requests"),
    "audit-log-path": ("", "file of audit events; - is standard output"),
    "audit-log-format": ("json", "json or legacy, a line of text"),
    "audit-log-mode": ("blocking", "batch, blocking or blocking-strict"),
    "audit-log-version": ("audit.k8s.io/v1", "audit.k8s.io/v1"),
    "audit-webhook-config-file": ("", "refused: there are no audit webhooks"),
    "encryption-provider-config": ("", "EncryptionConfiguration: what is encrypted in etcd, and how"),
    "oidc-issuer-url": ("", "issuer of JWTs that are taken, https only"),
    "oidc-client-id": ("", "audience that they have to be for"),
    "oidc-ca-file": ("", "CA that the issuer's certificate is verified with; default: the host's"),
    "oidc-username-claim": ("sub", "claim with the user's name"),
    "oidc-username-prefix": ("", "before each name; default: the issuer and #, but for email; - is none"),
    "oidc-groups-claim": ("", "claim with the user's groups"),
    "oidc-groups-prefix": ("", "before each group"),
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
    "api-audiences": ((), "audiences that tokens may be for"),
    "authorization-mode": (("AlwaysAllow",), "authorizers in order: Node, RBAC, AlwaysAllow, AlwaysDeny"),
    "enable-admission-plugins": ((), "admission plugins beside the default ones"),
    "disable-admission-plugins": ((), "default admission plugins to leave out"),
    "requestheader-allowed-names": ((), "common names of front proxies; empty: any"),
    "requestheader-extra-headers-prefix": ((), "prefixes of headers with a user's extra"),
    "requestheader-group-headers": ((), "headers with a user's groups"),
    "requestheader-username-headers": ((), "headers with a user's name"),
    "requestheader-uid-headers": ((), "headers with a user's uid"),
    "oidc-signing-algs": (("RS256",), "algorithms that a JWT may be signed with"),
    "tls-cipher-suites": ((), "suites for TLS 1.2 in Go's names; default: OpenSSL's secure ones"),
}


_OIDC: Final = (
    *(name for name in (*_STRINGS, *_LISTS) if name.startswith("oidc-")),
    "oidc-required-claim",
)


def parse(argv: Sequence[str] | None = None) -> Namespace:
    """Options by attribute (options.etcd_servers ...). A wrong flag ends the process with status 1."""
    flags = FlagSet("kube-apiserver", "serves the Kubernetes API over etcd")
    for name, (default, text) in _STRINGS.items():
        flags.string(name, default, text)
    for name, (values, text) in _LISTS.items():
        flags.string_list(name, values, text)
    flags.integer("secure-port", 6443, "port to listen on")
    _add_audit_flags(flags)
    flags.boolean(
        "encryption-provider-config-automatic-reload", False, "whether the file is read again when it changes"
    )
    flags.boolean("allow-privileged", False, "whether privileged containers are allowed")
    flags.boolean("anonymous-auth", True, "whether requests without credentials are users, too")
    flags.boolean("enable-bootstrap-token-auth", False, "bootstrap tokens of kube-system as credentials")
    flags.boolean("enable-aggregator-routing", False, "accepted, without effect")
    flags.boolean("service-account-lookup", True, "whether a token's account and secret must still be there")
    flags.integer("default-not-ready-toleration-seconds", 300, "how long pods stay on a node not ready")
    flags.integer("default-unreachable-toleration-seconds", 300, "how long pods stay on an unreachable node")
    flags.duration("event-ttl", 3600.0, "how long events are kept")
    flags.duration("request-timeout", 60.0, "how long a request may take")
    flags.duration("etcd-healthcheck-timeout", 2.0, "how long the check etcd of /livez and /readyz waits")
    flags.duration("etcd-readycheck-timeout", 2.0, "how long the check etcd-readiness of /readyz waits")
    flags.duration("etcd-compaction-interval", 300.0, "0: never")
    flags.duration("shutdown-delay-duration", 0.0, "time between not being ready and the end of listening")
    flags.integer("min-request-timeout", 1800, "least seconds of a watch")
    inflight = (
        "with priority and fairness the sum of both is the number of its seats; otherwise the most of these"
    )
    flags.integer("max-requests-inflight", 400, f"requests that read: {inflight}")
    flags.integer("max-mutating-requests-inflight", 200, f"requests that write: {inflight}")
    flags.boolean("enable-priority-and-fairness", True, "whether FlowSchemas say which request comes first")
    flags.string_map("oidc-required-claim", "claims that a JWT has to have, with their values")
    flags.string_map("feature-gates", "accepted, without effect")
    flags.string_map("runtime-config", "accepted, without effect")
    options = flags.parse(argv)
    #: Told at /flagz; what follows from them stands beside it.
    options.flags = flags.render_values(options)
    given = sys.argv[1:] if argv is None else argv
    options.anonymous_auth_given = _is_given("anonymous-auth", given)
    options.oidc_given = any(_is_given(flag, given) for flag in _OIDC)
    options.authorization_mode_given = _is_given("authorization-mode", given)
    return options


def _is_given(flag: str, argv: Sequence[str]) -> bool:
    """Whether a flag that a file excludes stands on the command line."""
    return any(argument.lstrip("-").partition("=")[0].replace("_", "-") == flag for argument in argv)


def _add_audit_flags(flags: FlagSet) -> None:
    flags.integer("audit-log-maxage", 366, "days to keep audit logs that were put aside; 0: any")
    flags.integer("audit-log-maxbackup", 100, "number of audit logs to keep that were put aside; 0: any")
    flags.integer("audit-log-maxsize", 100, "MiB of an audit log before it is put aside; 0: any")
    flags.boolean("audit-log-compress", False, "whether logs put aside are compressed")
    flags.integer("audit-log-batch-buffer-size", 10_000, "events that may wait in the mode batch")
    flags.integer("audit-log-batch-max-size", 1, "events that are written at once in the mode batch")
    flags.duration("audit-log-batch-max-wait", 0.0, "how long an event waits for others in the mode batch")
