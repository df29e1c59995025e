"""KubeletConfiguration (kubelet.config.k8s.io/v1beta1): its fields, their defaults, how a file is read.

To add a field, add one line to the class: its default, its name in the file and the kind of its value.
Source of names and defaults: k8s.io/kubelet/config/v1beta1.
"""

# ruff: noqa: RUF009  the helpers call dataclasses.field

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Final

from kprov.kube.api.meta import NodeName
from kprov.kube.component_base import durations
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.component_base.tls_options import set_cipher_suites, set_minimum_version
from kprov.kube.kubelet.config import field_table
from kprov.kube.kubelet.config.shutdown_period import ShutdownPeriod
from kprov.kube.machinery.json_object import JsonObject

API_VERSION: Final = "kubelet.config.k8s.io/v1beta1"
KIND: Final = "KubeletConfiguration"
DEFAULT_ROOT_DIR: Final = "/var/lib/kubelet"
_ID_UNIT: Final = 65536
_PERIODS: Final = "shutdownGracePeriodByPodPriority"
DEFAULT_EVICTION_HARD: Final = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
}


def _text(path: str, default: str = "") -> Any:
    return field(default=default, metadata={"path": path, "read": str})


def _number(path: str, default: int) -> Any:
    return field(default=default, metadata={"path": path, "read": int})


def _seconds(path: str, default: float) -> Any:
    """Return a Go duration in the file, such as 4h0m0s."""
    return field(default=float(default), metadata={"path": path, "read": _read_seconds})


def _read_seconds(value: Any) -> float:
    return durations.parse(str(value))


def _flag(path: str, *, default: bool) -> Any:
    return field(default=default, metadata={"path": path, "read": _expect(bool)})


def _list(path: str) -> Any:
    return field(default_factory=list, metadata={"path": path, "read": _expect(list)})


def _map(path: str) -> Any:
    def read(value: Any) -> dict[str, str]:
        return {key: str(item) for key, item in _expect(dict)(value).items()}

    return field(default_factory=dict, metadata={"path": path, "read": read})


def _expect(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ConfigError(f"expected a {kind.__name__}, found {value!r}")
        return value

    return read


@dataclass(kw_only=True)
class KubeletConfiguration:
    """The file's fields, and below them the settings that only flags have. Times are in seconds."""

    address: str = _text("address", "0.0.0.0")
    port: int = _number("port", 10250)
    healthz_address: str = _text("healthzBindAddress", "127.0.0.1")
    healthz_port: int = _number("healthzPort", 10248)
    tls_cert_file: str = _text("tlsCertFile")
    tls_private_key_file: str = _text("tlsPrivateKeyFile")
    tls_min_version: str = _text("tlsMinVersion")
    tls_cipher_suites: list[str] = _list("tlsCipherSuites")
    client_ca_file: str = _text("authentication.x509.clientCAFile")
    anonymous: bool = _flag("authentication.anonymous.enabled", default=False)
    webhook_authentication: bool = _flag("authentication.webhook.enabled", default=True)
    authorization_mode: str = _text("authorization.mode", "Webhook")
    authorized_ttl: float = _seconds("authorization.webhook.cacheAuthorizedTTL", 300)
    unauthorized_ttl: float = _seconds("authorization.webhook.cacheUnauthorizedTTL", 30)

    cluster_dns: list[str] = _list("clusterDNS")
    cluster_domain: str = _text("clusterDomain")
    resolv_conf: str = _text("resolvConf", "/etc/resolv.conf")
    endpoint: str = _text("containerRuntimeEndpoint", "unix:///run/containerd/containerd.sock")
    runtime_request_timeout: float = _seconds("runtimeRequestTimeout", 120)
    cgroup_driver: str = _text("cgroupDriver", "cgroupfs")
    cgroups_per_qos: bool = _flag("cgroupsPerQOS", default=True)
    cgroup_root: str = _text("cgroupRoot")
    cpu_cfs_quota: bool = _flag("cpuCFSQuota", default=True)
    cpu_cfs_period: float = _seconds("cpuCFSQuotaPeriod", 0.1)
    max_pods: int = _number("maxPods", 110)
    pods_per_core: int = _number("podsPerCore", 0)
    pod_pids_limit: int = _number("podPidsLimit", -1)
    ids_per_pod: int = _number("userNamespaces.idsPerPod", 65536)
    static_pod_path: str = _text("staticPodPath")
    file_check_frequency: float = _seconds("fileCheckFrequency", 20)
    sync_frequency: float = _seconds("syncFrequency", 60)
    node_status_update_frequency: float = _seconds("nodeStatusUpdateFrequency", 10)
    node_status_report_frequency: float = _seconds("nodeStatusReportFrequency", 300)
    node_lease_duration: int = _number("nodeLeaseDurationSeconds", 40)
    eviction_hard: dict[str, str] = _map("evictionHard")
    eviction_pressure_transition: float = _seconds("evictionPressureTransitionPeriod", 300)
    kube_reserved: dict[str, str] = _map("kubeReserved")
    system_reserved: dict[str, str] = _map("systemReserved")
    image_gc_high: int = _number("imageGCHighThresholdPercent", 85)
    image_gc_low: int = _number("imageGCLowThresholdPercent", 80)
    image_minimum_age: float = _seconds("imageMinimumGCAge", 120)
    image_maximum_age: float = _seconds("imageMaximumGCAge", 0)
    serialize_image_pulls: bool = _flag("serializeImagePulls", default=True)
    max_parallel_image_pulls: int = _number("maxParallelImagePulls", 0)
    container_log_max_size: str = _text("containerLogMaxSize", "10Mi")
    container_log_max_files: int = _number("containerLogMaxFiles", 5)
    max_container_backoff: float = _seconds("crashLoopBackOff.maxContainerRestartPeriod", 300)
    streaming_idle_timeout: float = _seconds("streamingConnectionIdleTimeout", 4 * 3600)
    event_qps: int = _number("eventRecordQPS", 50)
    kube_api_qps: int = _number("kubeAPIQPS", 50)
    kube_api_burst: int = _number("kubeAPIBurst", 100)
    enable_debugging_handlers: bool = _flag("enableDebuggingHandlers", default=True)
    register_node: bool = _flag("registerNode", default=True)
    taints: list[dict[str, str]] = _list("registerWithTaints")
    provider_id: str = _text("providerID")
    pod_logs_dir: str = _text("podLogsDir", "/var/log/pods")
    seccomp_default: bool = _flag("seccompDefault", default=False)
    shutdown_grace: float = _seconds("shutdownGracePeriod", 0)
    shutdown_grace_critical: float = _seconds("shutdownGracePeriodCriticalPods", 0)
    # From shutdownGracePeriodByPodPriority, see _read_shutdown_periods.
    shutdown_periods: list[ShutdownPeriod] = field(default_factory=list)

    allowed_unsafe_sysctls: list[str] = _list("allowedUnsafeSysctls")
    # Fields of the file that are set and have no effect here, see field_table.py.
    unserved_fields: list[str] = field(default_factory=list)

    # Only flags set these.
    kubeconfig: str = ""
    node_name: NodeName = NodeName("")
    node_ips: list[str] = field(default_factory=list)
    node_labels: dict[str, str] = field(default_factory=dict)
    root_dir: str = DEFAULT_ROOT_DIR
    verbosity: int = 0


#: The paths of the fields that this kubelet acts on. The list of periods is read on its own.
_SERVED: Final = frozenset(
    setting.metadata["path"] for setting in fields(KubeletConfiguration) if "path" in setting.metadata
) | {_PERIODS}
#: Durations that may be zero.
_ZERO_DURATIONS: Final = frozenset({
    "cpuCFSQuotaPeriod", "imageMaximumGCAge", "shutdownGracePeriod", "shutdownGracePeriodCriticalPods",
    "crashLoopBackOff.maxContainerRestartPeriod",
})  # fmt: skip


def read_document(config: KubeletConfiguration, document: JsonObject) -> None:
    """Set the fields that a KubeletConfiguration document has. Raises ConfigError naming the field."""
    unknown = list(field_table.find_unknown(document, _SERVED))
    if unknown:
        # The text of upstream's strict decoder.
        raise ConfigError(
            "strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in unknown)
        )
    config.unserved_fields = field_table.find_unserved(document)
    for setting in fields(config):
        if (path := setting.metadata.get("path")) is None:
            continue
        value = field_table.get_value(document, path)
        if value is not None:
            read = _read_value(path, value, setting.metadata["read"])
            # Go's decoder cannot tell a zero duration from a missing one: tools write such fields out.
            if read or setting.metadata["read"] is not _read_seconds or path in _ZERO_DURATIONS:
                setattr(config, setting.name, read)
    if "evictionHard" not in document:
        config.eviction_hard = dict(DEFAULT_EVICTION_HARD)
    _check_shutdown_grace(config, document)
    _read_shutdown_periods(config, document)
    _check_tls_options(config)
    _check_ids_per_pod(config)
    if config.cgroup_driver not in {"cgroupfs", "systemd"}:
        raise ConfigError(f'cgroupDriver: expected "cgroupfs" or "systemd", found {config.cgroup_driver!r}')


def _read_value(path: str, value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except (ConfigError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _check_shutdown_grace(config: KubeletConfiguration, document: JsonObject) -> None:
    total, critical = config.shutdown_grace, config.shutdown_grace_critical
    for name, value in (("shutdownGracePeriod", total), ("shutdownGracePeriodCriticalPods", critical)):
        if value and value < 1:
            raise ConfigError(f"{name}: expected 0 or at least 1s, found {document.get(name)!r}")
    if critical > total:
        raise ConfigError("shutdownGracePeriodCriticalPods: must not be longer than shutdownGracePeriod")


def _check_ids_per_pod(config: KubeletConfiguration) -> None:
    if config.ids_per_pod < _ID_UNIT or config.ids_per_pod % _ID_UNIT:
        raise ConfigError(
            f"userNamespaces.idsPerPod: expected a multiple of {_ID_UNIT}, found {config.ids_per_pod}"
        )


def _check_tls_options(config: KubeletConfiguration) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        set_minimum_version(context, config.tls_min_version, "tlsMinVersion")
        set_cipher_suites(context, config.tls_cipher_suites, "tlsCipherSuites")
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _read_shutdown_periods(config: KubeletConfiguration, document: JsonObject) -> None:
    name = _PERIODS
    for index, item in enumerate(_read_value(name, document.get(name) or [], _expect(list))):
        try:
            period = ShutdownPeriod(int(item["priority"]), int(item["shutdownGracePeriodSeconds"]))
        except (KeyError, TypeError, ValueError) as error:
            text = "expected the numbers priority and shutdownGracePeriodSeconds"
            raise ConfigError(f"{name}[{index}]: {text}, found {item!r}") from error
        config.shutdown_periods.append(period)
    if config.shutdown_periods and config.shutdown_grace:
        raise ConfigError(f"{name}: cannot be combined with shutdownGracePeriod")
