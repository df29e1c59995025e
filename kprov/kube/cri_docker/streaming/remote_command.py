"""exec and attach: the streams of a client, and the input and output of a process in Docker.

Source: k8s.io/kubelet pkg/cri/streaming/remotecommand (v4.channel.k8s.io).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

import orjson

from kprov.kube.component_base.http11.client import ClientConnection
from kprov.kube.component_base.rpc.status import RpcError
from kprov.kube.component_base.spdy import SpdyError
from kprov.kube.component_base.spdy_server import AcceptedStream, ServerConnection
from kprov.kube.component_base.tasks import start_task
from kprov.kube.cri_docker.containers.exec_sync import wait_for_exit
from kprov.kube.cri_docker.engine.client import Engine
from kprov.kube.cri_docker.engine.errors import EngineError, EngineUnavailableError
from kprov.kube.cri_docker.engine.multiplexed import STDERR, FrameDecoder
from kprov.kube.cri_docker.streaming.tokens import ExecTarget

log = logging.getLogger(__name__)

#: How long a client may take to open its streams.
_STREAMS_SECONDS: Final = 30.0
_PIECE_BYTES: Final = 32 * 1024
_RESIZE_ATTEMPTS: Final = 20
_RESIZE_PAUSE_SECONDS: Final = 0.1


async def run_remote_command(engine: Engine, connection: ServerConnection, target: ExecTarget) -> None:
    """Run the command, or attach, until it ends or the client disconnects. SpdyError."""
    streams = await _accept_streams(connection, target)
    try:
        status = await _run(engine, target, streams)
    except (EngineError, EngineUnavailableError, RpcError, OSError) as error:
        if isinstance(error, SpdyError):
            raise
        status = _make_failure(str(error))
    await streams["error"].write(orjson.dumps(status))
    for stream in streams.values():
        await stream.close()


async def _accept_streams(connection: ServerConnection, target: ExecTarget) -> dict[str, AcceptedStream]:
    """Return the streams by their types. SpdyError: the client has not opened them in time."""
    wanted = {"error"}
    wanted |= {name for name in ("stdin", "stdout") if getattr(target, name)}
    if target.stderr and not target.tty:
        wanted.add("stderr")
    if target.tty:
        wanted.add("resize")
    streams: dict[str, AcceptedStream] = {}
    try:
        async with asyncio.timeout(_STREAMS_SECONDS):
            while wanted - set(streams):
                stream = await connection.accept()
                if stream is None:
                    raise SpdyError("the client disconnected before it had opened its streams")
                streams[stream.headers.get("streamtype", "")] = stream
    except TimeoutError:
        raise SpdyError("the client has not opened its streams in time") from None
    return {name: stream for name, stream in streams.items() if name in wanted}


async def _run(engine: Engine, target: ExecTarget, streams: Mapping[str, AcceptedStream]) -> dict[str, Any]:
    """Return the status for the error stream."""
    if not target.command:
        path = f"/containers/{target.container_id}"
        process = await engine.hijack(
            f"{path}/attach", stream=True, stdin=target.stdin, stdout=target.stdout, stderr=target.stderr
        )
        await _copy(engine, path, process, target, streams)
        return _make_success()
    body = {
        "Cmd": list(target.command),
        "AttachStdin": target.stdin,
        "AttachStdout": target.stdout,
        "AttachStderr": target.stderr,
        "Tty": target.tty,
    }
    exec_id = (await engine.post(f"/containers/{target.container_id}/exec", body))["Id"]
    path = f"/exec/{exec_id}"
    process = await engine.hijack(f"{path}/start", {"Detach": False, "Tty": target.tty})
    await _copy(engine, path, process, target, streams)
    code = await wait_for_exit(engine, exec_id)
    return _make_exit_status(code) if code else _make_success()


async def _copy(
    engine: Engine,
    path: str,
    process: ClientConnection,
    target: ExecTarget,
    streams: Mapping[str, AcceptedStream],
) -> None:
    """Copy until the output ends. path: of what `resize` belongs to."""
    inputs = []
    if "stdin" in streams:
        inputs.append(start_task(_copy_input(streams["stdin"], process), "input of a process"))
    if "resize" in streams:
        inputs.append(start_task(_resize(engine, path, streams["resize"]), "size of a terminal"))
    try:
        if target.tty:
            while piece := await process.reader.read(_PIECE_BYTES):
                if "stdout" in streams:
                    await streams["stdout"].write(piece)
            return
        decoder = FrameDecoder()
        while piece := await process.reader.read(_PIECE_BYTES):
            for number, data in decoder.feed(piece):
                stream = streams.get("stderr" if number == STDERR else "stdout")
                if stream is not None:
                    await stream.write(data)
    finally:
        for task in inputs:
            task.cancel()
        await asyncio.gather(*inputs, return_exceptions=True)
        process.close()


async def _copy_input(stream: AcceptedStream, process: ClientConnection) -> None:
    while data := await stream.read():
        process.writer.write(data)
        await process.writer.drain()
    with contextlib.suppress(OSError):
        process.writer.write_eof()


async def _resize(engine: Engine, path: str, stream: AcceptedStream) -> None:
    """Read sizes, {"Width": columns, "Height": lines} each, and set them."""
    text = b""
    while data := await stream.read():
        *sizes, text = (text + data).replace(b"}", b"}\n").split(b"\n")
        for size in filter(bytes.strip, sizes):
            try:
                document = orjson.loads(size)
                height, width = int(document["Height"]), int(document["Width"])
            except (ValueError, KeyError, TypeError):
                continue
            await _set_size(engine, path, height, width)


async def _set_size(engine: Engine, path: str, height: int, width: int) -> None:
    """Set a size. The first one may come before Docker has started the process, which it refuses."""
    for _ in range(_RESIZE_ATTEMPTS):
        try:
            await engine.post(f"{path}/resize", h=height, w=width)
        except EngineError as error:
            log.debug("size of a terminal: %s", error)
            await asyncio.sleep(_RESIZE_PAUSE_SECONDS)
        else:
            return


def _make_success() -> dict[str, Any]:
    return {"metadata": {}, "status": "Success"}


def _make_failure(message: str) -> dict[str, Any]:
    return {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500}


def _make_exit_status(code: int) -> dict[str, Any]:
    """Return the status by which clients get the exit code."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
