"""A container as Docker creates it."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.component_base.rpc.status import RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.configuration import make_container, render_signal
from kprov.kube.cri_docker.translation.host import Host

SANDBOX = {"Id": "abc", "HostConfig": {"Runtime": "runc"}}


def make(config: pb.ContainerConfig | None = None, **fields: Any) -> dict[str, Any]:
    sandbox_config = pb.PodSandboxConfig(
        log_directory="/var/log/pods/x/", linux=pb.LinuxPodSandboxConfig(cgroup_parent="/a/b.slice")
    )
    host = Host(version=(1, 41), cgroup_driver="systemd", lowest_oom_score=-1000)
    return make_container(config or pb.ContainerConfig(**fields), sandbox_config, SANDBOX, host)


def make_host_config(context: pb.LinuxContainerSecurityContext) -> dict[str, Any]:
    found = make(linux=pb.LinuxContainerConfig(security_context=context))["HostConfig"]
    assert isinstance(found, dict)
    return found


def test_what_it_runs() -> None:
    body = make(
        image=pb.ImageSpec(image="sha256:12"),
        command=["/bin/a"],
        args=["b"],
        working_dir="/c",
        envs=[pb.KeyValue(key="K", value=b"v=w"), pb.KeyValue(key="B", value=b"\xff")],
        tty=True,
        stdin=True,
        stdin_once=True,
        stop_signal=pb.SIGUSR1,
    )
    assert (body["Image"], body["Entrypoint"], body["Cmd"], body["WorkingDir"]) == (
        "sha256:12",
        ["/bin/a"],
        ["b"],
        "/c",
    )
    assert body["Env"] == ["K=v=w", "B=\ufffd"]
    assert (body["Tty"], body["OpenStdin"], body["StdinOnce"]) == (True, True, True)
    assert body["StopSignal"] == "SIGUSR1"
    assert body["Healthcheck"] == {"Test": ["NONE"]}


def test_without_a_command_the_image_decides() -> None:
    assert {"Entrypoint", "Cmd", "StopSignal"}.isdisjoint(make())


def test_labels() -> None:
    labels = make(log_path="main/0.log", labels={"a": "b"}, annotations={"c": "d"})["Labels"]
    assert labels == {
        "a": "b",
        "annotation.c": "d",
        "io.kubernetes.docker.type": "container",
        "io.kubernetes.sandbox.id": "abc",
        "io.kubernetes.container.logpath": "/var/log/pods/x/main/0.log",
    }


def test_namespaces_of_the_pod() -> None:
    options = pb.NamespaceOption(network=pb.POD, pid=pb.POD, ipc=pb.POD)
    found = make_host_config(pb.LinuxContainerSecurityContext(namespace_options=options))
    modes = [found[name] for name in ("NetworkMode", "PidMode", "IpcMode", "UTSMode")]
    assert modes == ["container:abc", "container:abc", "container:abc", ""]


def test_namespaces_of_the_node() -> None:
    options = pb.NamespaceOption(network=pb.NODE, pid=pb.NODE, ipc=pb.NODE)
    found = make_host_config(pb.LinuxContainerSecurityContext(namespace_options=options))
    modes = [found[name] for name in ("NetworkMode", "PidMode", "IpcMode", "UTSMode")]
    assert modes == ["container:abc", "host", "host", "host"]


def test_processes_of_its_own_or_of_a_target() -> None:
    own = pb.LinuxContainerSecurityContext(namespace_options=pb.NamespaceOption(pid=pb.CONTAINER))
    assert make_host_config(own)["PidMode"] == ""
    target = pb.NamespaceOption(pid=pb.TARGET, target_id="def")
    context = pb.LinuxContainerSecurityContext(namespace_options=target)
    assert make_host_config(context)["PidMode"] == "container:def"
    with pytest.raises(RpcError, match="only the PID namespace"):
        make_host_config(
            pb.LinuxContainerSecurityContext(namespace_options=pb.NamespaceOption(ipc=pb.TARGET))
        )


def test_paths_of_proc_are_those_of_the_request() -> None:
    context = pb.LinuxContainerSecurityContext(masked_paths=["/proc/keys"])
    found = make_host_config(context)
    assert (found["MaskedPaths"], found["ReadonlyPaths"]) == (["/proc/keys"], [])
    assert "MaskedPaths" not in make_host_config(pb.LinuxContainerSecurityContext(privileged=True))


def test_the_rest_of_the_host_config() -> None:
    found = make(
        devices=[pb.Device(host_path="/dev/a", container_path="/dev/b", permissions="rw")],
        CDI_devices=[pb.CDIDevice(name="vendor.com/gpu=0")],
        linux=pb.LinuxContainerConfig(
            resources=pb.LinuxContainerResources(oom_score_adj=7, memory_limit_in_bytes=9),
            security_context=pb.LinuxContainerSecurityContext(
                capabilities=pb.Capability(add_capabilities=["A"], drop_capabilities=["ALL"])
            ),
        ),
    )["HostConfig"]
    assert (found["CapAdd"], found["CapDrop"]) == (["A"], ["ALL"])
    assert (found["OomScoreAdj"], found["Memory"], found["MemorySwap"]) == (7, 9, 9)
    assert (found["CgroupParent"], found["Runtime"]) == ("b.slice", "runc")
    assert found["Devices"] == [
        {"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rw"}
    ]
    assert found["DeviceRequests"] == [{"Driver": "cdi", "DeviceIDs": ["vendor.com/gpu=0"]}]


def test_signals_have_dockers_names() -> None:
    assert render_signal(pb.SIGRTMINPLUS3) == "SIGRTMIN+3"
    assert render_signal(pb.SIGRTMAXMINUS14) == "SIGRTMAX-14"
    assert render_signal(pb.SIGTERM) == "SIGTERM"
