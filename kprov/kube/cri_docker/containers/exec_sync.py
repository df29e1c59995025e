"""Runs a command in a container to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from typing import Any, Final

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.engine.client import Engine, quote_name
from kprov.kube.cri_docker.engine.errors import EngineError
from kprov.kube.cri_docker.engine.multiplexed import STDERR, STDOUT, FrameDecoder

#: Of stdout and of stderr; the rest is dropped, as containerd does.
_MAX_OUTPUT_BYTES: Final = 16 * 1024 * 1024
#: Docker may report the end of the output before that of the process.
_EXIT_SECONDS: Final = 5.0
_EXIT_POLL_SECONDS: Final = 0.01


async def exec_sync(
    engine: Engine, container_id: str, command: Sequence[str], seconds: float
) -> pb.ExecSyncResponse:
    """Return output and exit code. seconds: time limit, 0 for none. RpcError.

    DEADLINE_EXCEEDED: the time is over. The process is killed then, not its children.
    """
    try:
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        exec_id = (await engine.post(f"/containers/{quote_name(container_id)}/exec", body))["Id"]
    except EngineError as error:
        if error.status == 409:
            raise RpcError(Code.FAILED_PRECONDITION, error.message) from None
        raise
    try:
        async with asyncio.timeout(seconds or None):
            outputs = await _read_outputs(engine, exec_id)
            exit_code = await wait_for_exit(engine, exec_id)
    except TimeoutError:
        await _kill(engine, exec_id)
        text = f"command {' '.join(command)!r} timed out after {seconds:g} s"
        raise RpcError(Code.DEADLINE_EXCEEDED, text) from None
    except asyncio.CancelledError:
        await asyncio.shield(_kill(engine, exec_id))
        raise
    return pb.ExecSyncResponse(
        stdout=bytes(outputs[STDOUT]), stderr=bytes(outputs[STDERR]), exit_code=exit_code
    )


async def _read_outputs(engine: Engine, exec_id: str) -> dict[int, bytearray]:
    outputs = {STDOUT: bytearray(), STDERR: bytearray()}
    decoder = FrameDecoder()
    async with engine.stream("POST", f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}) as pieces:
        async for piece in pieces:
            for stream, data in decoder.feed(piece):
                output = outputs.get(stream)
                if output is not None:
                    output += data[: _MAX_OUTPUT_BYTES - len(output)]
    return outputs


async def wait_for_exit(engine: Engine, exec_id: str) -> int:
    """Return the exit code. RpcError: the command runs on without its output."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _EXIT_SECONDS
    while True:
        document = await _inspect(engine, exec_id)
        if not document["Running"]:
            return int(document.get("ExitCode") or 0)
        if loop.time() > end:
            raise RpcError(Code.UNKNOWN, "the command has closed its output and runs on")
        await asyncio.sleep(_EXIT_POLL_SECONDS)


async def _inspect(engine: Engine, exec_id: str) -> dict[str, Any]:
    return dict(await engine.get(f"/exec/{exec_id}/json"))


async def _kill(engine: Engine, exec_id: str) -> None:
    """Kill the process, which Docker's API cannot. Its number is the host's."""
    with contextlib.suppress(OSError, EngineError):
        process = int((await _inspect(engine, exec_id)).get("Pid") or 0)
        if not process:
            return
        descriptor = os.pidfd_open(process)
        try:
            # The number may have been given to another process before it was opened.
            if (await _inspect(engine, exec_id))["Running"]:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)
