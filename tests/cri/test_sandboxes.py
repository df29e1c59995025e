"""Pod sandboxes."""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path

import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from tests.cri.cri_docker_program import Runtime
from tests.cri.pods import PodMaker


async def test_a_sandbox_has_an_address_and_a_status(
    cri: CriClient, pods: PodMaker, subnet: ipaddress.IPv4Network
) -> None:
    sandbox = await pods.run_sandbox()
    status = await cri.pod_sandbox_status(sandbox.id)
    assert status.id == sandbox.id
    assert status.state == pb.SANDBOX_READY
    assert status.metadata == sandbox.config.metadata
    assert status.labels["app"] == "pod"
    assert dict(status.annotations) == {"note": "with spaces"}
    assert status.created_at > 1_700_000_000_000_000_000
    assert ipaddress.ip_address(status.network.ip) in subnet
    # Its network answers, though nobody listens there.
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(status.network.ip, 1)


async def test_sandboxes_are_listed_by_label_state_and_identifier(cri: CriClient, pods: PodMaker) -> None:
    first = await pods.run_sandbox()
    second = await pods.run_sandbox(pods.make_sandbox_config("other"))
    uid = first.config.metadata.uid
    listed = await cri.list_pod_sandboxes({"io.kubernetes.pod.uid": uid})
    assert [(item.id, item.state, item.metadata) for item in listed] == [
        (first.id, pb.SANDBOX_READY, first.config.metadata)
    ]
    await cri.stop_pod_sandbox(second.id)
    ready = pb.PodSandboxFilter(state=pb.PodSandboxStateValue(state=pb.SANDBOX_READY))
    request = pb.ListPodSandboxRequest(filter=ready)
    answer = await cri._call("ListPodSandbox", request, pb.ListPodSandboxResponse)
    assert [item.id for item in answer.items] == [first.id]
    request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(id=second.id[:12]))
    answer = await cri._call("ListPodSandbox", request, pb.ListPodSandboxResponse)
    assert [(item.id, item.state) for item in answer.items] == [(second.id, pb.SANDBOX_NOTREADY)]


async def test_a_stopped_sandbox_has_no_address_and_frees_it(
    cri: CriClient, pods: PodMaker, runtime: Runtime
) -> None:
    sandbox = await pods.run_sandbox()
    ip = (await cri.pod_sandbox_status(sandbox.id)).network.ip
    await cri.stop_pod_sandbox(sandbox.id)
    await cri.stop_pod_sandbox(sandbox.id)
    status = await cri.pod_sandbox_status(sandbox.id)
    assert (status.state, status.network.ip) == (pb.SANDBOX_NOTREADY, "")
    if runtime.engine is not None:
        assert not (runtime.engine.folder / "ipam/kprov-cri" / ip).exists()
        assert not (runtime.engine.folder / f"state/networks/{sandbox.id}.json").exists()


async def test_removing_a_sandbox_removes_its_containers(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    container = await pods.start(sandbox, pods.make_config())
    await cri.remove_pod_sandbox(sandbox.id)
    await cri.remove_pod_sandbox(sandbox.id)
    for call in (cri.pod_sandbox_status(sandbox.id), cri.container_status(container)):
        with pytest.raises(RuntimeFailure) as failure:
            await call
        assert failure.value.code == "NOT_FOUND"


async def test_stopping_a_sandbox_stops_its_containers(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    container = await pods.start(sandbox, pods.make_config())
    await cri.stop_pod_sandbox(sandbox.id)
    assert (await cri.container_status(container)).state == pb.CONTAINER_EXITED


async def test_the_network_of_the_host(cri: CriClient, pods: PodMaker) -> None:
    config = pods.make_sandbox_config()
    config.linux.security_context.namespace_options.network = pb.NODE
    sandbox = await pods.run_sandbox(config)
    status = await cri.pod_sandbox_status(sandbox.id)
    assert status.network.ip == ""
    assert status.linux.namespaces.options.network == pb.NODE
    script = pods.make_config("stat -L -c %i /proc/self/ns/net")
    script.linux.security_context.namespace_options.network = pb.NODE
    _, text = await pods.run(sandbox, script)
    assert int(text) == Path("/proc/self/ns/net").stat().st_ino


async def test_containers_share_the_sandboxs_network_hostname_and_resolver(
    pods: PodMaker, cri: CriClient
) -> None:
    sandbox = await pods.run_sandbox()
    ip = (await cri.pod_sandbox_status(sandbox.id)).network.ip
    _, text = await pods.run(sandbox, pods.make_config("ip addr show eth0; hostname; cat /etc/resolv.conf"))
    assert f" {ip}/" in text
    assert text.endswith("pod\nnameserver 10.96.0.10\nsearch a.test b.test\noptions ndots:5\n")


async def test_sysctls(pods: PodMaker) -> None:
    config = pods.make_sandbox_config()
    config.linux.sysctls["net.ipv4.ip_unprivileged_port_start"] = "77"
    sandbox = await pods.run_sandbox(config)
    _, text = await pods.run(sandbox, pods.make_config("cat /proc/sys/net/ipv4/ip_unprivileged_port_start"))
    assert text == "77\n"


async def test_a_sandbox_whose_network_fails_leaves_nothing(
    cri: CriClient, pods: PodMaker, runtime: Runtime
) -> None:
    if runtime.engine is None:
        pytest.skip("the configuration of that runtime is not the tests'")
    file = runtime.engine.folder / "net.d/00-broken.conflist"
    file.write_text('{"cniVersion": "0.4.0", "name": "broken", "plugins": [{"type": "missing"}]}')
    config = pods.make_sandbox_config("broken")
    try:
        with pytest.raises(RuntimeFailure, match="failed to find plugin 'missing'"):
            await cri.run_pod_sandbox(config)
    finally:
        file.unlink()
    assert not await cri.list_pod_sandboxes({"app": "broken"})
    assert not list((runtime.engine.folder / "state/networks").glob("*"))


async def test_the_same_sandbox_again_replaces_that_of_a_lost_call(cri: CriClient, pods: PodMaker) -> None:
    config = pods.make_sandbox_config()
    first = await pods.run_sandbox(config)
    second = await pods.run_sandbox(config)
    assert [
        item.id for item in await cri.list_pod_sandboxes({"io.kubernetes.pod.uid": config.metadata.uid})
    ] == [second.id]
    assert first.id != second.id


async def test_user_namespaces_are_refused(cri: CriClient, pods: PodMaker, runtime: Runtime) -> None:
    if not runtime.pid:
        pytest.skip("not cri-docker")
    config = pods.make_sandbox_config()
    config.linux.security_context.namespace_options.userns_options.mode = pb.POD
    with pytest.raises(RuntimeFailure, match="user namespaces are not supported") as failure:
        await cri.run_pod_sandbox(config)
    assert failure.value.code == "INVALID_ARGUMENT"


async def test_an_unknown_runtime_handler_is_refused(cri: CriClient, pods: PodMaker) -> None:
    with pytest.raises(RuntimeFailure, match="missing"):
        await cri.run_pod_sandbox(pods.make_sandbox_config(), "missing")
