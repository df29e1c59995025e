"""Containers and their statuses."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

from typing import Any

import msgspec

from kprov.kube.api.core.types import IntOrString, Quantity, ResourceList
from kprov.kube.api.meta import ResourceVersion, View


class LocalObjectReference(View):
    name: str = ""


class ObjectReference(View):
    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: ResourceVersion = ResourceVersion("")
    field_path: str = ""


class ObjectFieldSelector(View):
    api_version: str = ""
    field_path: str = ""


class ResourceFieldSelector(View):
    container_name: str = ""
    resource: str = ""
    divisor: Quantity | None = None


class KeySelector(View):
    """ConfigMapKeySelector and SecretKeySelector."""

    name: str = ""
    key: str = ""
    optional: bool = False


class EnvVarSource(View):
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None


class EnvVar(View):
    name: str = ""
    value: str = ""
    value_from: EnvVarSource | None = None


class EnvFromReference(View):
    name: str = ""
    optional: bool = False


class EnvFromSource(View):
    prefix: str = ""
    config_map_ref: EnvFromReference | None = None
    secret_ref: EnvFromReference | None = None


class ContainerPort(View):
    name: str = ""
    host_port: int = 0
    container_port: int = 0
    protocol: str = "TCP"
    host_ip: str = msgspec.field(default="", name="hostIP")


class ResourceRequirements(View):
    limits: ResourceList = {}
    requests: ResourceList = {}


class VolumeMount(View):
    name: str = ""
    read_only: bool = False
    mount_path: str = ""
    sub_path: str = ""
    sub_path_expr: str = ""
    mount_propagation: str | None = None
    recursive_read_only: str | None = None


class VolumeDevice(View):
    name: str = ""
    device_path: str = ""


class ExecAction(View):
    command: list[str] = []


class HTTPHeader(View):
    name: str = ""
    value: str = ""


class HTTPGetAction(View):
    path: str = ""
    port: IntOrString = 0
    host: str = ""
    scheme: str = "HTTP"
    http_headers: list[HTTPHeader] = []


class TCPSocketAction(View):
    port: IntOrString = 0
    host: str = ""


class GRPCAction(View):
    port: int = 0
    service: str | None = None


class SleepAction(View):
    seconds: int = 0


class Probe(View):
    """Times in seconds, with upstream's defaults."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class LifecycleHandler(View):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(View):
    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None


class Container(View):
    """A container, init container or ephemeral container. Sidecars have restart_policy Always."""

    name: str = ""
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    working_dir: str = ""
    ports: list[ContainerPort] = []
    env_from: list[EnvFromSource] = []
    env: list[EnvVar] = []
    resources: ResourceRequirements = msgspec.field(default_factory=ResourceRequirements)
    restart_policy: str | None = None
    restart_policy_rules: list[dict[str, Any]] = []
    volume_mounts: list[VolumeMount] = []
    volume_devices: list[VolumeDevice] = []
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    image_pull_policy: str = ""
    security_context: dict[str, Any] | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    target_container_name: str = ""


class ContainerStateWaiting(View):
    reason: str = ""
    message: str = ""


class ContainerStateRunning(View):
    started_at: str | None = None


class ContainerStateTerminated(View):
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    container_id: str = msgspec.field(default="", name="containerID")


class ContainerState(View):
    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(View):
    name: str = ""
    state: ContainerState = msgspec.field(default_factory=ContainerState)
    last_state: ContainerState = msgspec.field(default_factory=ContainerState)
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    image_id: str = msgspec.field(default="", name="imageID")
    container_id: str = msgspec.field(default="", name="containerID")
    started: bool | None = None
    resources: ResourceRequirements | None = None
    allocated_resources: ResourceList = {}
