"""Flags and the KubeletConfiguration file (kubelet.config.k8s.io/v1beta1), under upstream's field names."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kprov.kube.component_base import configfile, durations
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.component_base.options import FlagSet
from kprov.kube.kubelet.shutdown.groups import Period

_API_VERSION: Final = "kubelet.config.k8s.io/v1beta1"
_ROOT: Final = "/var/lib/kubelet"


@dataclass(kw_only=True)
class KubeletConfig:
    """Settings with upstream's defaults; times in seconds."""

    kubeconfig: str = ""
    node_name: str = ""
    node_ips: list[str] = field(default_factory=list)
    node_labels: dict[str, str] = field(default_factory=dict)
    taints: list[dict[str, str]] = field(default_factory=list)
    register_node: bool = True
    root_dir: str = _ROOT
    pod_logs_dir: str = "/var/log/pods"
    verbosity: int = 0

    address: str = "0.0.0.0"
    port: int = 10250
    healthz_address: str = "127.0.0.1"
    healthz_port: int = 10248
    tls_cert_file: str = ""
    tls_private_key_file: str = ""
    client_ca_file: str = ""
    anonymous: bool = False
    webhook_authentication: bool = True
    authorization_mode: str = "Webhook"
    authorized_ttl: float = 300.0
    unauthorized_ttl: float = 30.0

    cluster_dns: list[str] = field(default_factory=list)
    cluster_domain: str = ""
    resolv_conf: str = "/etc/resolv.conf"
    endpoint: str = "unix:///run/containerd/containerd.sock"
    runtime_request_timeout: float = 120.0
    cgroup_driver: str = "cgroupfs"
    cgroups_per_qos: bool = True
    cgroup_root: str = ""
    cpu_cfs_quota: bool = True
    cpu_cfs_period: float = 0.1
    max_pods: int = 110
    pods_per_core: int = 0
    static_pod_path: str = ""
    file_check_frequency: float = 20.0
    sync_frequency: float = 60.0
    node_status_update_frequency: float = 10.0
    node_status_report_frequency: float = 300.0
    node_lease_duration: int = 40
    eviction_hard: dict[str, str] = field(default_factory=dict)
    eviction_pressure_transition: float = 300.0
    kube_reserved: dict[str, str] = field(default_factory=dict)
    system_reserved: dict[str, str] = field(default_factory=dict)
    image_gc_high: int = 85
    image_gc_low: int = 80
    image_minimum_age: float = 120.0
    image_maximum_age: float = 0.0
    serialize_image_pulls: bool = True
    max_parallel_image_pulls: int = 0
    container_log_max_size: str = "10Mi"
    container_log_max_files: int = 5
    max_container_backoff: float = 300.0
    streaming_idle_timeout: float = 4 * 3600.0
    event_qps: float = 50
    kube_api_qps: float = 50
    kube_api_burst: int = 100
    enable_debugging_handlers: bool = True
    seccomp_default: bool = False
    shutdown_grace: float = 0.0
    shutdown_grace_critical: float = 0.0
    shutdown_periods: list[Period] = field(default_factory=list)
    provider_id: str = ""


# field of the file > (attribute, how its value is read)
_FIELDS: Final[dict[str, tuple[str, str]]] = {
    "address": ("address", "text"),
    "port": ("port", "number"),
    "healthzBindAddress": ("healthz_address", "text"),
    "healthzPort": ("healthz_port", "number"),
    "tlsCertFile": ("tls_cert_file", "text"),
    "tlsPrivateKeyFile": ("tls_private_key_file", "text"),
    "clusterDNS": ("cluster_dns", "list"),
    "clusterDomain": ("cluster_domain", "text"),
    "resolvConf": ("resolv_conf", "text"),
    "containerRuntimeEndpoint": ("endpoint", "text"),
    "runtimeRequestTimeout": ("runtime_request_timeout", "duration"),
    "cgroupDriver": ("cgroup_driver", "text"),
    "cgroupsPerQOS": ("cgroups_per_qos", "flag"),
    "cgroupRoot": ("cgroup_root", "text"),
    "cpuCFSQuota": ("cpu_cfs_quota", "flag"),
    "cpuCFSQuotaPeriod": ("cpu_cfs_period", "duration"),
    "maxPods": ("max_pods", "number"),
    "podsPerCore": ("pods_per_core", "number"),
    "staticPodPath": ("static_pod_path", "text"),
    "fileCheckFrequency": ("file_check_frequency", "duration"),
    "syncFrequency": ("sync_frequency", "duration"),
    "nodeStatusUpdateFrequency": ("node_status_update_frequency", "duration"),
    "nodeStatusReportFrequency": ("node_status_report_frequency", "duration"),
    "nodeLeaseDurationSeconds": ("node_lease_duration", "number"),
    "evictionHard": ("eviction_hard", "map"),
    "evictionPressureTransitionPeriod": ("eviction_pressure_transition", "duration"),
    "kubeReserved": ("kube_reserved", "map"),
    "systemReserved": ("system_reserved", "map"),
    "imageGCHighThresholdPercent": ("image_gc_high", "number"),
    "imageGCLowThresholdPercent": ("image_gc_low", "number"),
    "imageMinimumGCAge": ("image_minimum_age", "duration"),
    "imageMaximumGCAge": ("image_maximum_age", "duration"),
    "serializeImagePulls": ("serialize_image_pulls", "flag"),
    "maxParallelImagePulls": ("max_parallel_image_pulls", "number"),
    "containerLogMaxSize": ("container_log_max_size", "text"),
    "containerLogMaxFiles": ("container_log_max_files", "number"),
    "streamingConnectionIdleTimeout": ("streaming_idle_timeout", "duration"),
    "eventRecordQPS": ("event_qps", "number"),
    "kubeAPIQPS": ("kube_api_qps", "number"),
    "kubeAPIBurst": ("kube_api_burst", "number"),
    "enableDebuggingHandlers": ("enable_debugging_handlers", "flag"),
    "registerNode": ("register_node", "flag"),
    "registerWithTaints": ("taints", "raw"),
    "providerID": ("provider_id", "text"),
    "podLogsDir": ("pod_logs_dir", "text"),
    "seccompDefault": ("seccomp_default", "flag"),
    "shutdownGracePeriod": ("shutdown_grace", "duration"),
    "shutdownGracePeriodCriticalPods": ("shutdown_grace_critical", "duration"),
}
# nested fields: path > (attribute, reading)
_NESTED: Final[dict[tuple[str, ...], tuple[str, str]]] = {
    ("authentication", "x509", "clientCAFile"): ("client_ca_file", "text"),
    ("authentication", "anonymous", "enabled"): ("anonymous", "flag"),
    ("authentication", "webhook", "enabled"): ("webhook_authentication", "flag"),
    ("authorization", "mode"): ("authorization_mode", "text"),
    ("authorization", "webhook", "cacheAuthorizedTTL"): ("authorized_ttl", "duration"),
    ("authorization", "webhook", "cacheUnauthorizedTTL"): ("unauthorized_ttl", "duration"),
    ("crashLoopBackOff", "maxContainerRestartPeriod"): ("max_container_backoff", "duration"),
}
_DEFAULT_EVICTION: Final = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
}


def parse(argv: Sequence[str] | None = None) -> KubeletConfig:
    """Flags over the file over upstream's defaults. Raises ConfigError; wrong flags end the process."""
    flags = FlagSet("kubelet", "the node agent: runs the pods bound to its node")
    flags.string("config", "", "file of a KubeletConfiguration")
    flags.string("kubeconfig", "", "file that says how to reach the API server; none: static pods only")
    flags.string("hostname-override", "", "name of the node instead of the host's name")
    flags.string("node-ip", "", "the node's addresses, one of each family, comma separated")
    flags.string_map("node-labels", "labels to set when registering the node")
    flags.string("register-with-taints", "", "taints to register with: key=value:effect, comma separated")
    flags.boolean("register-node", True, "register the node with the API server")
    flags.string("root-dir", _ROOT, "directory for the kubelet's files")
    flags.string("container-runtime-endpoint", "", "the runtime's socket, over the file's")
    flags.string("pod-infra-container-image", "", "taken for compatibility; the runtime decides it")
    options = flags.parse(argv)
    config = KubeletConfig()
    if options.config:
        read_document(config, configfile.load(options.config, _API_VERSION, "KubeletConfiguration"))
    else:
        config.eviction_hard = dict(_DEFAULT_EVICTION)
    config.kubeconfig = options.kubeconfig
    config.root_dir = options.root_dir.rstrip("/")
    config.node_name = (options.hostname_override or os.uname().nodename).strip().lower()
    config.node_ips = [part.strip() for part in options.node_ip.split(",") if part.strip()]
    config.node_labels = options.node_labels
    config.register_node = config.register_node and options.register_node
    config.verbosity = options.v
    if options.register_with_taints:
        config.taints = [_taint(text) for text in options.register_with_taints.split(",")]
    if options.container_runtime_endpoint:
        config.endpoint = options.container_runtime_endpoint
    if "://" not in config.endpoint:
        config.endpoint = f"unix://{config.endpoint}"
    return config


def read_document(config: KubeletConfig, document: dict[str, Any]) -> None:
    """Take the fields of a KubeletConfiguration into ``config``. Raises ConfigError naming the field."""
    for name, (attribute, reading) in _FIELDS.items():
        if document.get(name) is not None:
            setattr(config, attribute, _read(name, document[name], reading))
    for path, (attribute, reading) in _NESTED.items():
        value: Any = document
        for part in path:
            value = (value or {}).get(part)
        if value is not None:
            setattr(config, attribute, _read(".".join(path), value, reading))
    if "evictionHard" not in document:
        config.eviction_hard = dict(_DEFAULT_EVICTION)
    _read_shutdown(config, document)
    if config.cgroup_driver not in {"cgroupfs", "systemd"}:
        raise ConfigError(f'cgroupDriver: expected "cgroupfs" or "systemd", found {config.cgroup_driver!r}')


def _read_shutdown(config: KubeletConfig, document: dict[str, Any]) -> None:
    total, critical = config.shutdown_grace, config.shutdown_grace_critical
    for name, value in (
        ("shutdownGracePeriod", total),
        ("shutdownGracePeriodCriticalPods", critical),
    ):
        if value and value < 1:
            raise ConfigError(f"{name}: expected 0 or at least 1s, found {document.get(name)!r}")
    if critical > total:
        raise ConfigError("shutdownGracePeriodCriticalPods: must not be longer than shutdownGracePeriod")
    name = "shutdownGracePeriodByPodPriority"
    for index, item in enumerate(_read(name, document.get(name) or [], "raw")):
        try:
            period = Period(int(item["priority"]), int(item["shutdownGracePeriodSeconds"]))
        except (KeyError, TypeError, ValueError) as error:
            text = "expected the numbers priority and shutdownGracePeriodSeconds"
            raise ConfigError(f"{name}[{index}]: {text}, found {item!r}") from error
        config.shutdown_periods.append(period)
    if config.shutdown_periods and total:
        raise ConfigError(f"{name}: cannot be combined with shutdownGracePeriod")


def _read(name: str, value: Any, reading: str) -> Any:
    try:
        if reading == "duration":
            return durations.parse(str(value))
        if reading == "number":
            return int(value)
        if reading == "text":
            return str(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {error}") from error
    wanted: type = {"flag": bool, "list": list, "map": dict, "raw": list}[reading]
    if not isinstance(value, wanted):
        raise ConfigError(f"{name}: expected a {wanted.__name__}, found {value!r}")
    if isinstance(value, dict) and reading == "map":
        return {key: str(item) for key, item in value.items()}
    return value


_TAINT: Final = re.compile(r"([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)")


def _taint(text: str) -> dict[str, str]:
    match = _TAINT.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f'--register-with-taints: "{text}" must be of the form key=value:effect')
    taint = {"key": match[1], "effect": match[3]}
    return taint | ({"value": match[2]} if match[2] else {})
