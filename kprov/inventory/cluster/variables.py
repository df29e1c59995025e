"""The cluster's variables that an inventory may set: kubespray's names, types and defaults."""

from __future__ import annotations

import ipaddress
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from kprov.inventory.cluster import (
    addresses,
    archives,
    container_runtimes,
    object_store,
    proxies,
    registries,
)
from kprov.inventory.cluster import labels as label_rules

_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_TIME = re.compile(r"0*[1-9][0-9]*(us|ms|s|m|h|d)?")
_AGE_RECIPIENT = re.compile(r"age1[a-z0-9]+|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?")
_DURATION = re.compile(r"(?=.*[1-9])([0-9]+(\.[0-9]+)?(ms|s|m|h))+")
#: Folders that have files of the host, too.
_SYSTEM_FOLDERS = (
    *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc"),
    *("/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/var/tmp"),  # noqa: S108
    *(
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
        "/usr/sbin",
        "/var",
        "/var/cache",
        "/var/lib",
        "/var/log",
    ),
)

Port = Annotated[int, Field(ge=1, le=65535)]


def _check_network(value: Any) -> Any:
    """Check a CIDR: the components accept no host bits."""
    return _check_ipv4(addresses.parse_network(value))


def _check_address(value: Any) -> Any:
    return addresses.parse_address(value)


def _check_vip(value: Any) -> Any:
    """Check an address, or "" for none."""
    return value if value == "" else _check_ipv4(_check_address(value))


def _check_dns_name(value: Any) -> Any:
    if isinstance(value, str) and not _DNS_NAME.fullmatch(value):
        raise ValueError(
            "must be a DNS name of lower case letters, digits, '-' and '.', such as cluster.local"
        )
    return value


def _check_port_range(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"\d+-\d+", value):
        raise ValueError("must be a range of ports such as 30000-32767")
    return value


def _check_ipv4(value: Any) -> Any:
    if value.version != 4:
        kind = "network" if "/" in str(value) else "address"
        raise ValueError(f"{str(value)!r} is an IPv6 {kind}; hosts, pods and services need IPv4")
    return value


def _check_folder(value: Any) -> Any:
    if not isinstance(value, str) or not PurePosixPath(value).is_absolute():
        raise ValueError("must be an absolute path such as /var/lib/data")
    path = PurePosixPath(value)
    if ".." in path.parts:
        raise ValueError("must be an absolute path without '..'")
    if str(path) in _SYSTEM_FOLDERS:
        raise ValueError("must be a folder of its own, which reset removes")
    return value


def _check_time(value: Any) -> Any:
    """Check a time in haproxy's format; a number without a unit is in milliseconds."""
    if isinstance(value, bool) or not _TIME.fullmatch(str(value)):
        raise ValueError("must be a time above 0, such as 750ms or 3s")
    return str(value)


def _check_duration(value: Any) -> Any:
    """Check a time that Kubernetes, etcd and systemd all read."""
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError("must be a time above 0 with its unit, such as 500ms, 90s or 1m30s")
    return value


def parse_duration(text: str) -> float:
    """Return the seconds of a checked duration."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    parts = re.findall(r"([0-9.]+)(ms|s|m|h)", text)
    return sum(float(number) * units[unit] for number, unit in parts)


#: Labels of Kubernetes' own domains that a kubelet may give its node, as upstream's kubelet has them.
_KUBELET_LABELS = frozenset(
    f"{domain}/{name}"
    for domain, names in {
        "kubernetes.io": ("hostname", "os", "arch", "instance-type"),
        "beta.kubernetes.io": ("os", "arch", "instance-type"),
        "topology.kubernetes.io": ("zone", "region"),
        "failure-domain.beta.kubernetes.io": ("zone", "region"),
    }.items()
    for name in names
)
_KUBELET_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")


def _is_within(domain: str, *parents: str) -> bool:
    return any(domain == parent or domain.endswith(f".{parent}") for parent in parents)


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    """Check labels that a kubelet sets on its own node; NodeRestriction forbids others."""
    for name, value in labels.items():
        problem = label_rules.find_key_problem(name) or label_rules.find_value_problem(value)
        if problem is not None:
            raise ValueError(problem)
        domain = name.rpartition("/")[0]
        own = _is_within(domain, "kubernetes.io", "k8s.io")
        if not own or name in _KUBELET_LABELS or _is_within(domain, *_KUBELET_DOMAINS):
            continue
        if domain == "node-role.kubernetes.io":
            raise ValueError(
                f"{name}: a kubelet may not give its node a role (NodeRestriction); hosts of "
                "kube_control_plane get theirs from kprov; use node.kubernetes.io/NAME here, "
                "or kubectl label node when the cluster is up"
            )
        raise ValueError(
            f"{name}: a kubelet may not set labels of {domain} (NodeRestriction); "
            "use node.kubernetes.io/NAME or a domain of your own"
        )
    return labels


def _check_taint(taint: str) -> str:
    problem = label_rules.find_taint_problem(taint)
    if problem is not None:
        raise ValueError(problem)
    return taint


def _check_node_name(name: str) -> str:
    problem = label_rules.find_name_problem(name)
    if problem is not None:
        raise ValueError(problem)
    return name


def _check_recipients(recipients: list[str]) -> list[str]:
    """Check public keys that age accepts. A private key must never reach the hosts."""
    for recipient in recipients:
        if not _AGE_RECIPIENT.fullmatch(recipient):
            shown = recipient if not recipient.startswith("AGE-SECRET-KEY") else "a secret key"
            raise ValueError(f"{shown!r} is not a public key of age (age1...) or SSH (ssh-ed25519, ssh-rsa)")
    return recipients


def _check_extenders(extenders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Few inventories have extenders or profiles.
    from kprov.inventory.cluster.scheduler_configuration import check_extenders

    return check_extenders(extenders)


def _check_profiles(profiles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from kprov.inventory.cluster.scheduler_configuration import check_profiles

    return check_profiles(profiles)


def _pattern(expression: str, *types: str) -> WithJsonSchema:
    """Return the JSON Schema of texts that match an expression; `types` are other types that are valid."""
    return WithJsonSchema(
        {"type": ["string", *types] if types else "string", "pattern": f"^(?:{expression})$"}
    )


Cidr = Annotated[
    ipaddress.IPv4Network,
    BeforeValidator(_check_network),
    _pattern(r"([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}"),
]
Address = Annotated[ipaddress.IPv4Address, BeforeValidator(lambda value: _check_ipv4(_check_address(value)))]
Server = Annotated[ipaddress.IPv4Address | ipaddress.IPv6Address, BeforeValidator(_check_address)]
Time = Annotated[str, BeforeValidator(_check_time), _pattern(_TIME.pattern, "integer")]
Duration = Annotated[str, BeforeValidator(_check_duration), _pattern(_DURATION.pattern)]
Count = Annotated[int, Field(ge=1)]
Limit = Annotated[int, Field(ge=0)]
Proxy = Annotated[str, BeforeValidator(proxies.check_proxy)]
NoProxy = Annotated[str, BeforeValidator(proxies.check_no_proxy)]
Folder = Annotated[str, BeforeValidator(_check_folder), _pattern("/.*")]
Vip = Annotated[ipaddress.IPv4Address | Literal[""], BeforeValidator(_check_vip)]
Name = Annotated[str, BeforeValidator(_check_dns_name), _pattern(_DNS_NAME.pattern)]
Taint = Annotated[str, AfterValidator(_check_taint)]
NodeName = Annotated[str, AfterValidator(_check_node_name)]
Install = Literal["package", "archive"]
Version = Annotated[str, BeforeValidator(archives.check_version)]
Checksums = Annotated[dict[str, dict[str, str]], BeforeValidator(archives.check_checksums)]


class EventRateLimit(BaseModel):
    """A limit of the admission plugin EventRateLimit."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["Server", "Namespace", "User", "SourceAndObject"]
    qps: Count
    burst: Count
    cache_size: Limit = 0


class ClusterVariables(BaseModel):
    """The known variables of a cluster; others belong to the roles and the user and are not checked."""

    model_config = ConfigDict(extra="ignore")

    cluster_name: Name = "cluster.local"
    dns_domain: Name = "cluster.local"
    kube_service_addresses: Cidr = ipaddress.IPv4Network("10.233.0.0/18")
    kube_pods_subnet: Cidr = ipaddress.IPv4Network("10.233.64.0/18")
    kube_network_node_prefix: Annotated[int, Field(ge=8, le=128)] = 24
    nodelocaldns_ip: Address = ipaddress.IPv4Address("169.254.25.10")
    upstream_dns_servers: list[Server] = []
    kube_apiserver_port: Port = 6443
    loadbalancer_apiserver_port: Port = 8443
    kube_apiserver_node_port_range: Annotated[
        str, BeforeValidator(_check_port_range), _pattern("[0-9]+-[0-9]+")
    ] = "30000-32767"
    haproxy_connect_timeout: Time = "750ms"
    haproxy_check_interval: Time = "3s"
    haproxy_check_fast_interval: Time = "500ms"
    haproxy_check_down_interval: Time = "1s"
    haproxy_check_fall: Count = 3
    haproxy_check_rise: Count = 1
    haproxy_dead_host_timeout: Time = "2s"
    haproxy_session_timeout: Time = "2h"
    kube_component_start_timeout: Duration = "2m"
    kube_component_stop_timeout: Duration = "30s"
    kube_component_watchdog: Duration = "1m"
    kube_component_restart_delay: Duration = "2s"
    kube_client_connect_timeout: Annotated[float, Field(gt=0)] = 3
    kubectl_request_timeout: Duration = "15s"
    etcd_dial_timeout: Duration = "2s"
    etcd_command_timeout: Duration = "4s"
    etcd_health_retries: Count = 60
    etcd_health_delay: Count = 1
    node_ready_retries: Count = 120
    node_ready_delay: Count = 1
    kube_apiserver_request_timeout: Duration = "1m"
    kube_apiserver_etcd_healthcheck_timeout: Duration = "2s"
    kube_apiserver_etcd_readycheck_timeout: Duration = "2s"
    kube_controller_manager_leader_elect_lease_duration: Duration = "15s"
    kube_controller_manager_leader_elect_renew_deadline: Duration = "10s"
    kube_scheduler_leader_elect_lease_duration: Duration = "15s"
    kube_scheduler_leader_elect_renew_deadline: Duration = "10s"
    kube_scheduler_extenders: Annotated[list[dict[str, Any]], AfterValidator(_check_extenders)] = []
    kube_scheduler_profiles: Annotated[list[dict[str, Any]], AfterValidator(_check_profiles)] = []
    kubelet_status_update_frequency: Duration = "10s"
    kubelet_runtime_request_timeout: Duration = "2m"
    keepalived_advert_int: Annotated[float, Field(ge=0.01)] = 0.3
    kube_apiserver_workers: Annotated[int, Field(ge=1, le=64)] = 1
    kube_vip_address: Vip = ""
    supplementary_addresses_in_ssl_keys: list[str] = []
    node_labels: Annotated[dict[str, str], AfterValidator(_check_labels)] = {}
    node_taints: list[Taint] = []
    etcd_data_dir: Folder = "/var/lib/etcd"
    etcd_snapshot_enabled: bool = True
    etcd_snapshot_interval: Duration = "6h"
    etcd_snapshot_check_interval: Duration = "5m"
    etcd_snapshot_max_age: Duration = "24h"
    etcd_snapshot_retention_count: Limit = 28
    etcd_snapshot_retention_days: Limit = 14
    etcd_snapshot_folder: Folder = "/var/lib/etcd-snapshots"
    etcd_snapshot_age_recipients: Annotated[list[str], AfterValidator(_check_recipients)] = []
    etcd_snapshot_s3_url: Annotated[str, BeforeValidator(object_store.check_store_url)] = ""
    etcd_snapshot_s3_region: str = "us-east-1"
    etcd_snapshot_s3_access_key: str = ""
    etcd_snapshot_s3_secret_key: Annotated[str, Field(repr=False)] = ""
    etcd_snapshot_s3_ca_file: str = ""
    kube_config_dir: Folder = "/etc/kubernetes"
    kube_cert_dir: Folder = "/etc/kubernetes/pki"
    bundle_root: Folder = "/opt/kprov"
    kubectl_cache_dir: Folder = "/var/cache/kubectl"
    containerd_additional_runtimes: Annotated[
        list[dict[str, Any]], BeforeValidator(container_runtimes.check_runtimes)
    ] = []
    local_path_provisioner_enabled: bool = True
    local_path_provisioner_storage_class: NodeName = "local-path"
    local_path_provisioner_is_default_storageclass: bool = True
    local_path_provisioner_reclaim_policy: Literal["Delete", "Retain"] = "Delete"
    local_path_provisioner_claim_root: Folder = "/var/lib/kprov/local-volumes"
    kubelet_max_pods: Annotated[int, Field(ge=1)] = 110
    # Without a value kube_hardening decides.
    kubelet_pod_pids_limit: Annotated[int, Field(ge=-1)] | None = None
    kube_apiserver_enable_admission_plugins: list[str] = []
    kube_apiserver_admission_event_rate_limits: dict[str, EventRateLimit] = {}
    kprov_allow_experimental_distributions: bool = False
    kube_hardening: bool = False
    offline_export: str = ""
    # A file with the public keys whose exports are used.
    offline_trusted_key: str = ""
    # Without a value the distribution decides; the versions are those of the roles.
    etcd_install: Install | None = None
    containerd_install: Install | None = None
    runc_install: Install | None = None
    cni_plugins_install: Install | None = None
    kubectl_install: Install | None = None
    etcd_version: Version | None = None
    containerd_version: Version | None = None
    runc_version: Version | None = None
    cni_version: Version | None = None
    kubectl_version: Version | None = None
    etcd_binary_checksums: Checksums = {}
    containerd_archive_checksums: Checksums = {}
    runc_checksums: Checksums = {}
    cni_binary_checksums: Checksums = {}
    kubectl_checksums: Checksums = {}
    files_repo: Annotated[str, BeforeValidator(archives.check_files_repo)] = ""
    image_registry_hosts: list[str] = []
    image_registry_port: Port = 5000
    containerd_registries_mirrors: Annotated[
        list[dict[str, Any]], BeforeValidator(registries.check_mirrors)
    ] = []
    containerd_registry_auth: Annotated[list[dict[str, Any]], BeforeValidator(registries.check_auth)] = []
    http_proxy: Proxy = ""
    https_proxy: Proxy = ""
    no_proxy: NoProxy = ""
    additional_no_proxy: NoProxy = ""
    skip_http_proxy_on_os_packages: bool = False
    kube_encrypt_secret_data: bool = True
    kube_encryption_algorithm: Literal["secretbox", "aesgcm", "aescbc"] = "secretbox"
    kube_encryption_resources: Annotated[list[str], Field(min_length=1)] = ["secrets"]
    kube_sign_certificates: bool = True
    kubernetes_audit: bool = True
    audit_log_path: Folder = "/var/log/kubernetes/kube-apiserver-audit.log"
    audit_log_maxage: Limit = 30
    audit_log_maxbackups: Limit = 10
    audit_log_maxsize: Limit = 100
    audit_policy_custom_rules: str = ""
    kube_log_level: Annotated[int, Field(ge=0, le=10)] = 2
    minimal_master_memory_mb: Limit = 1700
    minimal_node_memory_mb: Limit = 1024
    preflight_control_plane_cpus: Limit = 2
    preflight_etcd_disk_mb: Limit = 2048
    preflight_containerd_disk_mb: Limit = 1024
    preflight_kubelet_disk_mb: Limit = 1024
    preflight_bundle_disk_mb: Limit = 512
    preflight_fsync_p99_ms: Annotated[float, Field(gt=0)] = 10
    preflight_clock_offset_seconds: Annotated[float, Field(gt=0)] = 1
    preflight_clock_offset_limit_seconds: Annotated[float, Field(gt=0)] = 60
    preflight_ignore: list[str] = []
    ip: Address | None = None
    kube_override_hostname: NodeName | None = None
    ansible_port: Port | None = None

    @model_validator(mode="after")
    def _derive_defaults(self) -> Self:
        """Derive the defaults that depend on other variables, as the roles' defaults do."""
        if "dns_domain" not in self.model_fields_set:
            self.__dict__["dns_domain"] = self.cluster_name
        if "kube_cert_dir" not in self.model_fields_set:
            self.__dict__["kube_cert_dir"] = f"{self.kube_config_dir}/pki"
        return self
