"""A container as Docker creates it (cri-dockerd: core/container_create.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.mounts import make_mounts
from kprov.kube.cri_docker.translation import labels
from kprov.kube.cri_docker.translation.host import Host
from kprov.kube.cri_docker.translation.resources import make_cgroup_parent, make_limits
from kprov.kube.cri_docker.translation.security import make_common_options, make_user

_HOST: Final = "host"


def make_container(
    config: pb.ContainerConfig,
    sandbox_config: pb.PodSandboxConfig,
    sandbox: Mapping[str, Any],
    host: Host,
) -> dict[str, Any]:
    """Return the body of Docker's request. RpcError.

    sandbox: Docker's document.
    """
    context = config.linux.security_context
    internal = {
        labels.TYPE: labels.CONTAINER,
        labels.SANDBOX_ID: sandbox["Id"],
        labels.LOG_PATH: make_log_path(config, sandbox_config),
    }
    body: dict[str, Any] = {
        "Image": config.image.image,
        "Env": [f"{pair.key}={pair.value.decode('utf-8', 'replace')}" for pair in config.envs],
        "WorkingDir": config.working_dir,
        "OpenStdin": config.stdin,
        "StdinOnce": config.stdin_once,
        "Tty": config.tty,
        "User": make_user(context),
        "Labels": labels.make_labels(config.labels, config.annotations, internal),
        # The kubelet probes.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _make_host_config(config, sandbox_config, sandbox, host),
    }
    if config.command:
        body["Entrypoint"] = list(config.command)
    if config.args:
        body["Cmd"] = list(config.args)
    if config.stop_signal:
        body["StopSignal"] = render_signal(config.stop_signal)
    return body


def make_log_path(config: pb.ContainerConfig, sandbox_config: pb.PodSandboxConfig) -> str:
    """Return where CRI's clients look for the log, "" for nowhere."""
    if not sandbox_config.log_directory or not config.log_path:
        return ""
    return f"{sandbox_config.log_directory.rstrip('/')}/{config.log_path}"


def render_signal(signal: pb.Signal.ValueType) -> str:
    """Return Docker's name, such as SIGRTMIN+1."""
    return pb.Signal.Name(signal).replace("PLUS", "+").replace("MINUS", "-")


def _make_host_config(
    config: pb.ContainerConfig,
    sandbox_config: pb.PodSandboxConfig,
    sandbox: Mapping[str, Any],
    host: Host,
) -> dict[str, Any]:
    context = config.linux.security_context
    resources = config.linux.resources
    host_config: dict[str, Any] = {
        **make_common_options(context),
        **make_limits(resources),
        **_make_namespaces(context.namespace_options, str(sandbox["Id"])),
        "CapAdd": list(context.capabilities.add_capabilities),
        "CapDrop": list(context.capabilities.drop_capabilities),
        "CgroupParent": make_cgroup_parent(sandbox_config.linux.cgroup_parent, host.cgroup_driver),
        "OomScoreAdj": max(resources.oom_score_adj, host.lowest_oom_score),
        "Devices": [
            {
                "PathOnHost": device.host_path,
                "PathInContainer": device.container_path,
                "CgroupPermissions": device.permissions,
            }
            for device in config.devices
        ],
        **make_mounts(config.mounts, host.version),
    }
    if not context.privileged:
        # Empty lists are no paths; Docker's own ones come without a list.
        host_config["MaskedPaths"] = list(context.masked_paths)
        host_config["ReadonlyPaths"] = list(context.readonly_paths)
    if config.CDI_devices:
        names = [device.name for device in config.CDI_devices]
        host_config["DeviceRequests"] = [{"Driver": "cdi", "DeviceIDs": names}]
    # The runtime of the sandbox, which its handler chose.
    if runtime := sandbox["HostConfig"].get("Runtime"):
        host_config["Runtime"] = runtime
    return host_config


def _make_namespaces(options: pb.NamespaceOption, sandbox_id: str) -> dict[str, str]:
    """Return the modes of namespaces. RpcError: a combination that CRI does not have."""
    if pb.TARGET in {options.network, options.ipc}:
        raise RpcError(Code.INVALID_ARGUMENT, "only the PID namespace can be that of a target container")
    pod = f"container:{sandbox_id}"
    process_modes = {pb.POD: pod, pb.NODE: _HOST, pb.TARGET: f"container:{options.target_id}"}
    return {
        # For the network of the host, too: it is the sandbox's, with its resolv.conf.
        "NetworkMode": pod,
        "IpcMode": _HOST if options.ipc == pb.NODE else pod,
        "PidMode": process_modes.get(options.pid, ""),
        "UTSMode": _HOST if options.network == pb.NODE else "",
    }
