"""exec, attach and port forwarding over SPDY, with the kubelet's client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.server import spdy
from tests.cri.pods import PodMaker, read_log

V4 = "v4.channel.k8s.io"


async def start_shell(pods: PodMaker, script: str = "sleep 1000", **fields: Any) -> str:
    sandbox = await pods.run_sandbox()
    config = pods.make_config(script)
    config.MergeFrom(pb.ContainerConfig(**fields))
    return await pods.start(sandbox, config)


async def open_streams(connection: spdy.Connection, *kinds: str) -> list[spdy.Stream]:
    return [await connection.open_stream({"streamType": kind}) for kind in kinds]


async def test_a_command_with_input_output_and_exit_code(cri: CriClient, pods: PodMaker) -> None:
    container = await start_shell(pods)
    command = ["/bin/sh", "-c", "cat; echo err >&2; exit 7"]
    request = pb.ExecRequest(container_id=container, cmd=command, stdin=True, stdout=True, stderr=True)
    connection = await spdy.connect(await cri.exec_url(request), V4)
    errors, stdin, stdout, stderr = await open_streams(connection, "error", "stdin", "stdout", "stderr")
    text = b"line\n" * 100_000
    await stdin.write(text)
    await stdin.close()
    assert await stdout.read_all() == text
    assert await stderr.read_all() == b"err\n"
    status = json.loads(await errors.read_all())
    assert (status["status"], status["reason"]) == ("Failure", "NonZeroExitCode")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]
    await connection.close()


async def test_a_command_that_succeeds(cri: CriClient, pods: PodMaker) -> None:
    container = await start_shell(pods)
    request = pb.ExecRequest(container_id=container, cmd=["echo", "hello"], stdout=True)
    connection = await spdy.connect(await cri.exec_url(request), V4)
    errors, stdout = await open_streams(connection, "error", "stdout")
    assert await stdout.read_all() == b"hello\n"
    assert json.loads(await errors.read_all())["status"] == "Success"
    await connection.close()


async def test_a_terminal_has_a_size(cri: CriClient, pods: PodMaker) -> None:
    container = await start_shell(pods)
    script = (
        'while :; do set -- $(stty size 2>/dev/null); [ "$2" = 123 ] && echo wide && exit; sleep 0.1; done'
    )
    command = ["/bin/sh", "-c", script]
    request = pb.ExecRequest(container_id=container, cmd=command, stdin=True, stdout=True, tty=True)
    connection = await spdy.connect(await cri.exec_url(request), V4)
    _, _, stdout, resize = await open_streams(connection, "error", "stdin", "stdout", "resize")
    await resize.write(b'{"Width":123,"Height":45}\n')
    async with asyncio.timeout(60):
        assert await stdout.read_all() == b"wide\r\n"
    await connection.close()


async def test_an_address_works_once(cri: CriClient, pods: PodMaker) -> None:
    container = await start_shell(pods)
    url = await cri.exec_url(pb.ExecRequest(container_id=container, cmd=["true"], stdout=True))
    await (await spdy.connect(url, V4)).close()
    with pytest.raises(spdy.SpdyError, match="404"):
        await spdy.connect(url, V4)


async def test_attach(cri: CriClient, pods: PodMaker) -> None:
    script = "while read line; do echo got $line; done; echo end"
    container = await start_shell(pods, script, stdin=True, stdin_once=True)
    request = pb.AttachRequest(container_id=container, stdin=True, stdout=True, stderr=True)
    connection = await spdy.connect(await cri.attach_url(request), V4)
    _, stdin, stdout, _ = await open_streams(connection, "error", "stdin", "stdout", "stderr")
    await stdin.write(b"one\n")
    assert await stdout.read() == b"got one\n"
    await stdin.close()
    assert await stdout.read_all() == b"end\n"
    await connection.close()
    status = await pods.wait_for(container, lambda status: status.state == pb.CONTAINER_EXITED)
    assert read_log(status.log_path) == "got one\nend\n"


async def test_port_forwarding(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    container = await pods.start(sandbox, pods.make_config("echo ready; nc -l -p 8080 -e cat"))
    path = (await cri.container_status(container)).log_path
    await pods.wait_for(container, lambda _: "ready" in read_log(path))
    connection = await spdy.connect(await cri.port_forward_url(sandbox.id, [8080]), "portforward.k8s.io")

    async def open_pair(port: int, request: int) -> tuple[spdy.Stream, spdy.Stream]:
        headers = {"port": str(port), "requestID": str(request)}
        errors = await connection.open_stream({**headers, "streamType": "error"})
        await errors.close()
        return errors, await connection.open_stream({**headers, "streamType": "data"})

    async with asyncio.timeout(60):
        errors, data = await open_pair(1, 0)
        assert (await errors.read_all()).startswith(b"failed to connect to port 1 in the pod: ")
        errors, data = await open_pair(8080, 1)
        await data.write(b"x" * 300_000)
        await data.close()
        assert await data.read_all() == b"x" * 300_000
        assert await errors.read_all() == b""
    await connection.close()


async def test_what_does_not_run_is_refused(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    container = await pods.create(sandbox, pods.make_config())
    with pytest.raises(RuntimeFailure, match="is not running"):
        await cri.exec_url(pb.ExecRequest(container_id=container, cmd=["true"]))
    with pytest.raises(RuntimeFailure, match="is not running"):
        await cri.attach_url(pb.AttachRequest(container_id=container))
    await cri.stop_pod_sandbox(sandbox.id)
    with pytest.raises(RuntimeFailure, match="is not running"):
        await cri.port_forward_url(sandbox.id, [80])
