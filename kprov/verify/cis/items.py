"""The table of items. Titles say what kprov checks, in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kprov.verify.cis.checks import (
    MANUAL,
    PASS,
    Check,
    Judgement,
    at_least,
    document,
    equals,
    every,
    flag,
    has,
    has_not,
    is_absent,
    is_set,
    judge,
    manual,
    mode,
    not_applicable,
    owner,
    within,
)
from kprov.verify.cis.facts import ETCD_CA, ETCD_CONFIG, KUBELET_CONFIG, PROXY_CONFIG, HostFacts, Paths

#: For Kubernetes 1.32 and later.
VERSION = "1.12"
_API, _MANAGER, _SCHEDULER = "kube-apiserver", "kube-controller-manager", "kube-scheduler"
_UNITS = "/etc/systemd/system"
_HARDEN = "set kube_hardening to true"
_OWN_USER = "the component runs as the user kube instead of root, and owns its file"
_RENEWAL = "kprov issues and renews the kubelet's certificates (kprov certs renew)"
_NO_PROFILING = "the component has no profiling endpoints"
#: The secure suites of Go's TLS, which kprov configures with kube_hardening.
CIPHERS = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
#: Paths that anonymous users may read: load balancers ask them without credentials.
HEALTH_PATHS = frozenset({"/livez", "/readyz", "/healthz"})


@dataclass(frozen=True)
class Item:
    """An item of the benchmark, and the group of hosts that it concerns."""

    number: str
    title: str
    group: str
    check: Check


def list_file_patterns(paths: Paths) -> list[str]:
    """Return the files whose owners and modes the items need."""
    folders = vars(paths)
    patterns = [
        f"{_UNITS}/*.service",
        "/etc/cni/net.d/*",
        "{etcd_data_dir}",
        "{config_dir}/*.conf",
        "{config_dir}/*.yaml",
        "{cert_dir}",
        "{cert_dir}/*",
        "{cert_dir}/etcd/*",
        KUBELET_CONFIG,
        ETCD_CONFIG,
    ]
    return [pattern.format(**folders) if "{" in pattern else pattern for pattern in patterns]


def _judge_anonymous(facts: HostFacts) -> Judgement:
    """Anonymous requests are off, or reach health checks only."""
    flags = facts.flags.get(_API, {})
    if flags.get("anonymous-auth") == "false":
        return judge("--anonymous-auth=false", ok=True)
    path = flags.get("authentication-config")
    anonymous = (facts.documents.get(path or "") or {}).get("anonymous") or {}
    if path and anonymous:
        allowed = {condition["path"] for condition in anonymous.get("conditions") or ()}
        ok = not anonymous.get("enabled") or bool(allowed and allowed <= HEALTH_PATHS)
        return judge(f"{path}: anonymous requests reach {', '.join(sorted(allowed)) or 'all paths'}", ok=ok)
    return judge("anonymous requests reach all paths that RBAC allows them", ok=False, reason=_HARDEN)


def _judge_image_pulls(facts: HostFacts) -> Judgement:
    """Return pass if the plugin is on. Else a person judges: the benchmark marks this item as manual."""
    judgement = flag(_API, "enable-admission-plugins", has("AlwaysPullImages"))(facts)
    if judgement.result == PASS or _API not in facts.flags:
        return judgement
    reason = (
        "the plugin is off: no registry has the images that kprov imports, and no pod could start while "
        "a registry is down. Without it every pod of a node may use images that another one pulled with "
        "its credentials. kube_apiserver_enable_admission_plugins turns it on"
    )
    return Judgement(MANUAL, judgement.evidence, reason)


def _are_strong(suites: Sequence[str] | None) -> bool:
    return bool(suites) and set(suites or ()) <= set(CIPHERS)


def _find_client_authority(facts: HostFacts) -> str:
    """Return the path of the authority that the kubelet's configuration names."""
    authentication = (facts.documents.get(KUBELET_CONFIG) or {}).get("authentication") or {}
    return str((authentication.get("x509") or {}).get("clientCAFile") or "clientCAFile")


def _judge_providers(facts: HostFacts) -> Judgement:
    evidence = f"providers: {', '.join(facts.providers) or 'none'}"
    ok = bool(facts.providers) and facts.providers[0] in ("aescbc", "secretbox", "kms")
    return judge(evidence, ok=ok, reason="kube_encrypt_secret_data must be true")


def _judge_authorities(facts: HostFacts) -> Judgement:
    etcd, cluster = facts.sums.get(ETCD_CA), facts.sums.get(f"{facts.paths.cert_dir}/ca.crt")
    return judge(
        f"SHA-256 of {ETCD_CA}: {str(etcd)[:12]}, of the cluster's: {str(cluster)[:12]}", ok=etcd != cluster
    )


def _judge_policy(facts: HostFacts) -> Judgement:
    path = facts.flags.get(_API, {}).get("audit-policy-file", "")
    rules = (facts.documents.get(path) or {}).get("rules") or []
    recorded = [rule for rule in rules if rule.get("level") != "None"]
    groups = [group for rule in recorded for group in rule.get("resources") or ()]
    secrets = any("secrets" in (group.get("resources") or ()) for group in groups)
    # A rule without conditions records all that the rules above it have not matched.
    rest = any(not set(rule) - {"level", "omitStages"} for rule in recorded)
    covered = "covered" if secrets or rest else "not covered"
    return judge(f"{path or 'no policy'}: {len(rules)} rules, secrets are {covered}", ok=secrets or rest)


def _etcd(key: str, accept: object) -> Check:
    return document(ETCD_CONFIG, key, lambda value: bool(value) if accept is is_set else value == accept)


def _private(name: str, group: str, number: int, prefix: str, title: str) -> list[Item]:
    """Return the two items of a file: its mode and its owner."""
    return [
        Item(f"{prefix}.{number}", f"{title}: mode 600", group, mode(name, 0o600, _HARDEN)),
        Item(f"{prefix}.{number + 1}", f"{title}: owner root", group, owner(name, "root:root")),
    ]


_CONTROL, _ETCD, _NODE = "kube_control_plane", "etcd", "kube_node"
_OWN_KUBECONFIG = not_applicable(_OWN_USER)

FILES = [
    *_private(f"{_UNITS}/kube-apiserver.service", _CONTROL, 1, "1.1", "the API server's unit"),
    *_private(
        f"{_UNITS}/kube-controller-manager.service", _CONTROL, 3, "1.1", "the controller manager's unit"
    ),
    *_private(f"{_UNITS}/kube-scheduler.service", _CONTROL, 5, "1.1", "the scheduler's unit"),
    *_private(f"{_UNITS}/etcd.service", _ETCD, 7, "1.1", "etcd's unit"),
    *_private("/etc/cni/net.d/*", _NODE, 9, "1.1", "CNI configuration"),
    Item("1.1.11", "etcd's data: mode 700", _ETCD, mode("{etcd_data_dir}", 0o700)),
    Item("1.1.12", "etcd's data: owner etcd", _ETCD, owner("{etcd_data_dir}", "etcd:etcd")),
    *_private("{config_dir}/admin.conf", _CONTROL, 13, "1.1", "the administrator's kubeconfig"),
    Item(
        "1.1.15", "the scheduler's kubeconfig: mode 600", _CONTROL, mode("{config_dir}/scheduler.conf", 0o600)
    ),
    Item("1.1.16", "the scheduler's kubeconfig: owner root", _CONTROL, _OWN_KUBECONFIG),
    Item(
        "1.1.17",
        "the controller manager's kubeconfig: mode 600",
        _CONTROL,
        mode("{config_dir}/controller-manager.conf", 0o600),
    ),
    Item("1.1.18", "the controller manager's kubeconfig: owner root", _CONTROL, _OWN_KUBECONFIG),
    Item(
        "1.1.19",
        "certificates and keys: owner root, or kube for the files of components of that user",
        _CONTROL,
        owner("{cert_dir}*", "root:root", "kube:kube"),
    ),
    Item("1.1.20", "certificates: mode 644", _CONTROL, mode("{cert_dir}/*.crt", 0o644)),
    Item("1.1.21", "keys: mode 600", _CONTROL, mode("{cert_dir}/*.key", 0o600)),
]

API_SERVER = [
    Item("1.2.1", "anonymous requests are off, or reach health checks only", _CONTROL, _judge_anonymous),
    Item("1.2.2", "no file of static tokens", _CONTROL, flag(_API, "token-auth-file", is_absent)),
    Item(
        "1.2.3",
        "DenyServiceExternalIPs is on",
        _CONTROL,
        flag(_API, "enable-admission-plugins", has("DenyServiceExternalIPs"), _HARDEN),
    ),
    Item(
        "1.2.4",
        "a client certificate for kubelets",
        _CONTROL,
        every(flag(_API, "kubelet-client-certificate", is_set), flag(_API, "kubelet-client-key", is_set)),
    ),
    Item(
        "1.2.5",
        "kubelets' certificates are verified",
        _CONTROL,
        flag(_API, "kubelet-certificate-authority", is_set),
    ),
    Item(
        "1.2.6",
        "AlwaysAllow is off",
        _CONTROL,
        every(
            flag(_API, "authorization-mode", is_set), flag(_API, "authorization-mode", has_not("AlwaysAllow"))
        ),
    ),
    Item("1.2.7", "the Node authorizer is on", _CONTROL, flag(_API, "authorization-mode", has("Node"))),
    Item("1.2.8", "RBAC is on", _CONTROL, flag(_API, "authorization-mode", has("RBAC"))),
    Item(
        "1.2.9",
        "EventRateLimit is on",
        _CONTROL,
        flag(
            _API,
            "enable-admission-plugins",
            has("EventRateLimit"),
            _HARDEN,
        ),
    ),
    Item(
        "1.2.10",
        "AlwaysAdmit is off",
        _CONTROL,
        flag(_API, "enable-admission-plugins", has_not("AlwaysAdmit")),
    ),
    Item(
        "1.2.11",
        "AlwaysPullImages is on",
        _CONTROL,
        _judge_image_pulls,
    ),
    Item(
        "1.2.12",
        "ServiceAccount is on",
        _CONTROL,
        flag(_API, "disable-admission-plugins", has_not("ServiceAccount")),
    ),
    Item(
        "1.2.13",
        "NamespaceLifecycle is on",
        _CONTROL,
        flag(_API, "disable-admission-plugins", has_not("NamespaceLifecycle")),
    ),
    Item(
        "1.2.14",
        "NodeRestriction is on",
        _CONTROL,
        flag(_API, "enable-admission-plugins", has("NodeRestriction")),
    ),
    Item("1.2.15", "profiling is off", _CONTROL, flag(_API, "profiling", equals("false"), _HARDEN)),
    Item("1.2.16", "an audit log", _CONTROL, flag(_API, "audit-log-path", is_set)),
    Item(
        "1.2.17", "the audit log is kept for 30 days", _CONTROL, flag(_API, "audit-log-maxage", at_least(30))
    ),
    Item("1.2.18", "ten old audit logs are kept", _CONTROL, flag(_API, "audit-log-maxbackup", at_least(10))),
    Item(
        "1.2.19", "an audit log has up to 100 MiB", _CONTROL, flag(_API, "audit-log-maxsize", at_least(100))
    ),
    Item("1.2.20", "requests have a time limit", _CONTROL, flag(_API, "request-timeout", is_set)),
    Item(
        "1.2.21",
        "tokens are looked up",
        _CONTROL,
        flag(_API, "service-account-lookup", lambda value: value != "false"),
    ),
    Item(
        "1.2.22", "a key of its own verifies tokens", _CONTROL, flag(_API, "service-account-key-file", is_set)
    ),
    Item(
        "1.2.23",
        "a client certificate for etcd",
        _CONTROL,
        every(flag(_API, "etcd-certfile", is_set), flag(_API, "etcd-keyfile", is_set)),
    ),
    Item(
        "1.2.24",
        "TLS with a certificate of the cluster",
        _CONTROL,
        every(flag(_API, "tls-cert-file", is_set), flag(_API, "tls-private-key-file", is_set)),
    ),
    Item("1.2.25", "client certificates are verified", _CONTROL, flag(_API, "client-ca-file", is_set)),
    Item("1.2.26", "etcd's certificate is verified", _CONTROL, flag(_API, "etcd-cafile", is_set)),
    Item(
        "1.2.27", "secrets are encrypted in etcd", _CONTROL, flag(_API, "encryption-provider-config", is_set)
    ),
    Item("1.2.28", "the first provider encrypts", _CONTROL, _judge_providers),
    Item(
        "1.2.29", "strong ciphers only", _CONTROL, flag(_API, "tls-cipher-suites", within(CIPHERS), _HARDEN)
    ),
    Item(
        "1.2.30",
        "tokens of pods end when they were asked to",
        _CONTROL,
        flag(_API, "service-account-extend-token-expiration", equals("false"), _HARDEN),
    ),
]

CONTROLLERS = [
    Item(
        "1.3.1",
        "a limit of ended pods",
        _CONTROL,
        flag(_MANAGER, "terminated-pod-gc-threshold", is_set, _HARDEN),
    ),
    Item("1.3.2", "profiling is off", _CONTROL, flag(_MANAGER, "profiling", equals("false"), _HARDEN)),
    Item(
        "1.3.3",
        "each controller has its own account",
        _CONTROL,
        flag(_MANAGER, "use-service-account-credentials", equals("true")),
    ),
    Item("1.3.4", "a key for tokens", _CONTROL, flag(_MANAGER, "service-account-private-key-file", is_set)),
    Item("1.3.5", "pods get the cluster's authority", _CONTROL, flag(_MANAGER, "root-ca-file", is_set)),
    Item("1.3.6", "kubelets rotate their serving certificates", _CONTROL, not_applicable(_RENEWAL)),
    Item("1.3.7", "listens on loopback only", _CONTROL, flag(_MANAGER, "bind-address", equals("127.0.0.1"))),
    Item("1.4.1", "profiling of the scheduler is off", _CONTROL, not_applicable(_NO_PROFILING)),
    Item(
        "1.4.2",
        "the scheduler listens on loopback only",
        _CONTROL,
        flag(_SCHEDULER, "bind-address", equals("127.0.0.1")),
    ),
]

ETCD = [
    Item(
        "2.1",
        "a certificate for clients",
        _ETCD,
        every(
            _etcd("client-transport-security.cert-file", is_set),
            _etcd("client-transport-security.key-file", is_set),
        ),
    ),
    Item(
        "2.2",
        "clients need a certificate",
        _ETCD,
        _etcd("client-transport-security.client-cert-auth", accept=True),
    ),
    Item(
        "2.3",
        "no self-made certificates for clients",
        _ETCD,
        document(ETCD_CONFIG, "client-transport-security.auto-tls", lambda value: not value),
    ),
    Item(
        "2.4",
        "a certificate for peers",
        _ETCD,
        every(
            _etcd("peer-transport-security.cert-file", is_set),
            _etcd("peer-transport-security.key-file", is_set),
        ),
    ),
    Item(
        "2.5",
        "peers need a certificate",
        _ETCD,
        _etcd("peer-transport-security.client-cert-auth", accept=True),
    ),
    Item(
        "2.6",
        "no self-made certificates for peers",
        _ETCD,
        document(ETCD_CONFIG, "peer-transport-security.auto-tls", lambda value: not value),
    ),
    Item("2.7", "etcd has an authority of its own", _ETCD, _judge_authorities),
]

ACCESS = [
    Item(
        "3.1.1",
        "users have no client certificates",
        _CONTROL,
        manual(
            "use --oidc-* flags or AuthenticationConfiguration for users; kprov kubeconfig issues "
            "certificates that end soon"
        ),
    ),
    Item("3.1.2", "users have no service account tokens", _CONTROL, manual("look at who uses tokens")),
    Item("3.1.3", "users have no bootstrap tokens", _CONTROL, manual("kprov token list shows them")),
    Item("3.2.1", "an audit policy", _CONTROL, flag(_API, "audit-policy-file", is_set)),
    Item("3.2.2", "the audit policy covers secrets and changes", _CONTROL, _judge_policy),
]

NODES = [
    *_private(f"{_UNITS}/kubelet.service", _NODE, 1, "4.1", "the kubelet's unit"),
    *_private("{config_dir}/kube-proxy.conf", _NODE, 3, "4.1", "kube-proxy's kubeconfig"),
    *_private("{config_dir}/kubelet.conf", _NODE, 5, "4.1", "the kubelet's kubeconfig"),
    Item(
        "4.1.7",
        "the authority of the kubelet's clients: mode 644",
        _NODE,
        lambda facts: mode(_find_client_authority(facts), 0o644)(facts),
    ),
    Item(
        "4.1.8",
        "the authority of the kubelet's clients: owner root",
        _NODE,
        lambda facts: owner(_find_client_authority(facts), "root:root")(facts),
    ),
    *_private(KUBELET_CONFIG, _NODE, 9, "4.1", "the kubelet's configuration"),
    Item(
        "4.2.1",
        "the kubelet refuses anonymous requests",
        _NODE,
        document(KUBELET_CONFIG, "authentication.anonymous.enabled", lambda value: value is False),
    ),
    Item(
        "4.2.2",
        "the kubelet asks the API server who may do what",
        _NODE,
        document(KUBELET_CONFIG, "authorization.mode", lambda value: value == "Webhook"),
    ),
    Item(
        "4.2.3",
        "the kubelet verifies client certificates",
        _NODE,
        document(KUBELET_CONFIG, "authentication.x509.clientCAFile", bool),
    ),
    Item(
        "4.2.4", "no read-only port", _NODE, document(KUBELET_CONFIG, "readOnlyPort", lambda value: not value)
    ),
    Item(
        "4.2.5",
        "idle streams end",
        _NODE,
        document(KUBELET_CONFIG, "streamingConnectionIdleTimeout", lambda value: value not in (0, "0", "0s")),
    ),
    Item("4.2.6", "iptables chains", _NODE, not_applicable("kube-proxy and kubelet use nftables only")),
    Item(
        "4.2.7",
        "no other host name",
        _NODE,
        not_applicable("the inventory names the nodes, and kprov issues their certificates for these names"),
    ),
    Item(
        "4.2.8",
        "events are recorded",
        _NODE,
        document(KUBELET_CONFIG, "eventRecordQPS", lambda value: value is None or int(value) >= 0),
    ),
    Item(
        "4.2.9",
        "TLS with a certificate of the cluster",
        _NODE,
        every(
            document(KUBELET_CONFIG, "tlsCertFile", bool), document(KUBELET_CONFIG, "tlsPrivateKeyFile", bool)
        ),
    ),
    Item("4.2.10", "the kubelet rotates its client certificate", _NODE, not_applicable(_RENEWAL)),
    Item("4.2.11", "the kubelet rotates its serving certificate", _NODE, not_applicable(_RENEWAL)),
    Item(
        "4.2.12",
        "strong ciphers only",
        _NODE,
        document(KUBELET_CONFIG, "tlsCipherSuites", _are_strong, _HARDEN),
    ),
    Item(
        "4.2.13",
        "a limit of processes for each pod",
        _NODE,
        document(KUBELET_CONFIG, "podPidsLimit", lambda value: value is not None and value > 0, _HARDEN),
    ),
    Item(
        "4.2.14",
        "containers have the runtime's seccomp profile",
        _NODE,
        document(KUBELET_CONFIG, "seccompDefault", lambda value: value is True, _HARDEN),
    ),
    Item(
        "4.3.1",
        "kube-proxy's metrics on loopback only",
        _NODE,
        document(PROXY_CONFIG, "metricsBindAddress", lambda value: str(value).startswith("127.0.0.1")),
    ),
]

_POLICIES = (
    ("5.1", "RBAC and service accounts"),
    ("5.2", "pod security standards"),
    ("5.3", "network policies"),
    ("5.4", "secrets of workloads"),
    ("5.5", "image provenance"),
    ("5.6", "namespaces and security contexts"),
)
POLICIES = [
    Item(number, f"section: {title}", _CONTROL, manual("concerns your workloads; kprov does not judge them"))
    for number, title in _POLICIES
]

ITEMS = (*FILES, *API_SERVER, *CONTROLLERS, *ETCD, *ACCESS, *NODES, *POLICIES)
