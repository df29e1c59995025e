"""Containers: their life, what they are made of, and their limits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from tests.cri.cri_docker_program import Runtime
from tests.cri.pods import PodMaker, read_log

#: Those of Linux 5.4, which every kernel here has.
ALL_CAPABILITIES = (1 << 38) - 1


def run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True)


async def test_the_life_of_a_container(cri: CriClient, pods: PodMaker, runtime: Runtime) -> None:
    sandbox = await pods.run_sandbox()
    config = pods.make_config("echo hello; exec sleep 1000", attempt=3)
    container = await pods.create(sandbox, config)
    assert (await cri.container_status(container)).state == pb.CONTAINER_CREATED
    await cri.start_container(container)
    status = await cri.container_status(container)
    assert status.state == pb.CONTAINER_RUNNING
    assert (status.metadata.name, status.metadata.attempt) == ("main", 3)
    assert (status.image.image, status.exit_code, status.reason) == (runtime.image, 0, "")
    assert status.created_at <= status.started_at
    assert dict(status.labels) == dict(config.labels)
    assert dict(status.annotations) == dict(config.annotations)
    assert status.log_path == f"{sandbox.config.log_directory}/main/3.log"
    [listed] = await cri.list_containers({"io.kubernetes.container.name": "main"})
    assert (listed.id, listed.pod_sandbox_id, listed.state) == (container, sandbox.id, pb.CONTAINER_RUNNING)
    image = await cri.image_status(runtime.image)
    assert image is not None
    assert listed.image_id == status.image_id == image.id
    await cri.stop_container(container, 0)
    status = await cri.container_status(container)
    assert (status.state, status.exit_code, status.reason) == (pb.CONTAINER_EXITED, 137, "Error")
    assert status.finished_at >= status.started_at
    await cri.remove_container(container)
    await cri.remove_container(container)
    assert not Path(status.log_path).is_symlink()
    with pytest.raises(RuntimeFailure) as failure:
        await cri.container_status(container)
    assert failure.value.code == "NOT_FOUND"


async def test_a_container_that_ends(pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    status, text = await pods.run(sandbox, pods.make_config("echo out; echo err >&2", name="good"))
    assert (status.exit_code, status.reason) == (0, "Completed")
    assert sorted(text.splitlines()) == ["err", "out"]
    status, _ = await pods.run(sandbox, pods.make_config("exit 3", name="bad"))
    assert (status.exit_code, status.reason) == (3, "Error")


async def test_a_missing_program(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    config = pods.make_config()
    config.command[:] = ["/bin/missing"]
    container = await pods.create(sandbox, config)
    with pytest.raises(RuntimeFailure, match="/bin/missing"):
        await cri.start_container(container)
    status = await cri.container_status(container)
    assert (status.state, status.reason) == (pb.CONTAINER_EXITED, "ContainerCannotRun")
    assert status.exit_code in {127, 128}


async def test_stopping_waits_for_the_grace_period(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    container = await pods.start(sandbox, pods.make_config(script))
    path = (await cri.container_status(container)).log_path
    await pods.wait_for(container, lambda _: "ready" in read_log(path))
    await cri.stop_container(container, 30)
    assert (await cri.container_status(container)).exit_code == 7
    assert read_log(path) == "ready\nbye\n"


async def test_environment_arguments_and_directory(pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    config = pods.make_config('echo "$A|$B|$0|$1"; echo $PWD')
    config.args[:] = ["zero", "one"]
    config.working_dir = "/tmp"
    config.envs.extend([pb.KeyValue(key="A", value=b"a = b"), pb.KeyValue(key="B", value="ü".encode())])
    _, text = await pods.run(sandbox, config)
    assert text == "a = b|ü|zero|one\n/tmp\n"


async def test_mounts(cri: CriClient, pods: PodMaker, tmp_path: Path) -> None:
    sandbox = await pods.run_sandbox()
    folder, read_only = tmp_path / "with:colon", tmp_path / "read-only"
    folder.mkdir()
    config = pods.make_config("echo text > /data/file; touch /fixed/x || echo refused; ls -d /created")
    config.mounts.extend(
        [
            pb.Mount(host_path=str(folder), container_path="/data"),
            pb.Mount(host_path=str(read_only), container_path="/fixed", readonly=True),
            pb.Mount(host_path=str(tmp_path / "new/folder"), container_path="/created"),
        ]
    )
    status, text = await pods.run(sandbox, config)
    assert (folder / "file").read_text() == "text\n"
    assert "refused" in text
    assert "/created" in text
    assert {mount.container_path: (mount.host_path, mount.readonly) for mount in status.mounts} == {
        "/data": (str(folder), False),
        "/fixed": (str(read_only), True),
        "/created": (str(tmp_path / "new/folder"), False),
    }


async def test_mounts_of_the_host_propagate_into_the_container(pods: PodMaker, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "inner").mkdir()
    run(["mount", "--bind", shared, shared])
    try:
        run(["mount", "--make-shared", shared])
        sandbox = await pods.run_sandbox()
        config = pods.make_config("while [ ! -e /seen/inner/file ]; do sleep 0.1; done; echo seen")
        config.mounts.append(
            pb.Mount(
                host_path=str(shared), container_path="/seen", propagation=pb.PROPAGATION_HOST_TO_CONTAINER
            )
        )
        container = await pods.start(sandbox, config)
        run(["mount", "-t", "tmpfs", "none", shared / "inner"])
        (shared / "inner/file").touch()
        status = await pods.wait_for(container, lambda status: status.state == pb.CONTAINER_EXITED)
        assert read_log(status.log_path) == "seen\n"
    finally:
        run(["umount", "-R", "-l", shared])


async def test_users_and_groups(pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    config = pods.make_config("id -u; id -g; id -G")
    context = config.linux.security_context
    context.run_as_user.value, context.run_as_group.value = 4000, 5000
    context.supplemental_groups.extend([6000, 7000])
    _, text = await pods.run(sandbox, config)
    assert text == "4000\n5000\n5000 6000 7000\n"
    config = pods.make_config("id -u", name="named")
    config.linux.security_context.run_as_username = "somebody"
    _, text = await pods.run(sandbox, config)
    assert text == "1234\n"


async def test_capabilities_and_the_default_seccomp_profile(pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    script = "grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status"

    async def read(name: str, context: pb.LinuxContainerSecurityContext) -> dict[str, str]:
        config = pods.make_config(script, name=name)
        config.linux.security_context.MergeFrom(context)
        _, text = await pods.run(sandbox, config)
        return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}

    capability = pb.Capability(add_capabilities=["SYS_TIME"], drop_capabilities=["ALL"])
    found = await read("few", pb.LinuxContainerSecurityContext(capabilities=capability, no_new_privs=True))
    assert int(found["CapBnd"], 16) == 1 << 25
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "0")
    default = pb.SecurityProfile(profile_type=pb.SecurityProfile.RuntimeDefault)
    found = await read("filtered", pb.LinuxContainerSecurityContext(seccomp=default))
    assert found["Seccomp"] == "2"


async def test_a_privileged_container(pods: PodMaker) -> None:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    own = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd"))
    if int(own, 16) & ALL_CAPABILITIES != ALL_CAPABILITIES:
        pytest.skip("this machine lacks capabilities that a privileged container needs")
    sandbox = await pods.run_sandbox()
    config = pods.make_config("grep CapBnd /proc/self/status; ls /dev")
    config.linux.security_context.privileged = True
    _, text = await pods.run(sandbox, config)
    assert own in text
    assert "kmsg" in text


async def test_a_seccomp_profile_of_the_host(pods: PodMaker, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text(
        '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}'
    )
    sandbox = await pods.run_sandbox()
    config = pods.make_config("mkdir /tmp/x || echo refused")
    config.linux.security_context.seccomp.CopyFrom(
        pb.SecurityProfile(profile_type=pb.SecurityProfile.Localhost, localhost_ref=str(profile))
    )
    _, text = await pods.run(sandbox, config)
    assert "refused" in text


async def test_a_read_only_root_and_masked_paths(pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    config = pods.make_config(
        "touch /x || echo refused; cat /proc/uptime | wc -c; touch /proc/sys/kernel/domainname || echo fixed"
    )
    context = config.linux.security_context
    context.readonly_rootfs = True
    context.masked_paths.append("/proc/uptime")
    context.readonly_paths.append("/proc/sys")
    _, text = await pods.run(sandbox, config)
    lines = [line for line in text.splitlines() if not line.startswith("touch:")]
    assert lines == ["refused", "0", "fixed"]


async def test_a_shared_process_namespace(pods: PodMaker) -> None:
    options = pb.NamespaceOption(pid=pb.POD)
    config = pods.make_sandbox_config()
    config.linux.security_context.namespace_options.CopyFrom(options)
    sandbox = await pods.run_sandbox(config)
    first = pods.make_config("exec sleep 54321", name="first")
    first.linux.security_context.namespace_options.CopyFrom(options)
    container = await pods.start(sandbox, first)
    second = pods.make_config(
        "until ps | grep -q 'sleep 5432[1]'; do sleep 0.1; done; echo found", name="second"
    )
    second.linux.security_context.namespace_options.CopyFrom(options)
    assert (await pods.run(sandbox, second))[1] == "found\n"
    target = pods.make_config(
        "until ps | grep -q 'sleep 5432[1]'; do sleep 0.1; done; echo found", name="target"
    )
    target.linux.security_context.namespace_options.CopyFrom(
        pb.NamespaceOption(pid=pb.TARGET, target_id=container)
    )
    assert (await pods.run(sandbox, target))[1] == "found\n"


async def test_limits_and_their_update(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    config = pods.make_config()
    config.linux.resources.CopyFrom(
        pb.LinuxContainerResources(
            cpu_period=100_000,
            cpu_quota=20_000,
            cpu_shares=102,
            memory_limit_in_bytes=64 << 20,
            oom_score_adj=500,
        )
    )
    container = await pods.start(sandbox, config)
    linux = (await cri.container_status(container)).resources.linux
    assert (linux.cpu_quota, linux.cpu_shares, linux.memory_limit_in_bytes) == (20_000, 102, 64 << 20)
    assert (await cri.exec_sync(container, ["cat", "/proc/1/oom_score_adj"], 10))[0] == b"500\n"
    request = pb.UpdateContainerResourcesRequest(
        container_id=container,
        linux=pb.LinuxContainerResources(
            cpu_period=100_000, cpu_quota=30_000, memory_limit_in_bytes=96 << 20
        ),
    )
    await cri._call("UpdateContainerResources", request, pb.UpdateContainerResourcesResponse)
    linux = (await cri.container_status(container)).resources.linux
    assert (linux.cpu_quota, linux.cpu_shares, linux.memory_limit_in_bytes) == (30_000, 102, 96 << 20)


async def test_a_container_that_runs_out_of_memory(pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    config = pods.make_config("exec dd if=/dev/zero of=/dev/null bs=200M count=1")
    config.linux.resources.memory_limit_in_bytes = 20 << 20
    status, _ = await pods.run(sandbox, config)
    assert (status.reason, status.exit_code) == ("OOMKilled", 137)


async def test_a_container_of_a_missing_or_stopped_sandbox_is_refused(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    await cri.stop_pod_sandbox(sandbox.id)
    with pytest.raises(RuntimeFailure):
        await pods.create(sandbox, pods.make_config())
    with pytest.raises(RuntimeFailure) as failure:
        await cri.create_container("0" * 64, pods.make_config(), sandbox.config)
    assert failure.value.code == "NOT_FOUND"


async def test_logs_are_reopened_or_it_is_said_why_not(
    cri: CriClient, pods: PodMaker, runtime: Runtime
) -> None:
    sandbox = await pods.run_sandbox()
    container = await pods.start(sandbox, pods.make_config())
    if runtime.pid:
        with pytest.raises(RuntimeFailure, match="docker does not support reopening") as failure:
            await cri.reopen_container_log(container)
        assert failure.value.code == "UNIMPLEMENTED"
    else:
        await cri.reopen_container_log(container)
