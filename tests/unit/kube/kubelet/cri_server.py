"""A CRI server for tests, with grpcio's own server: it gives the answers that a test sets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from kprov.kube.kubelet.cri.client import CriClient

#: A message, a status code, or a function that returns one of them, by the name of the method.
Answers = Mapping[str, Any]


@contextlib.asynccontextmanager
async def serve_cri(folder: Path, answers: Answers) -> AsyncIterator[CriClient]:
    """Serve these answers on a socket in the folder. Other methods are unimplemented."""
    server: Any = grpc.aio.server()
    for service in ("RuntimeService", "ImageService"):
        methods = {
            name: grpc.unary_unary_rpc_method_handler(_make_handler(answers, name))
            for name in answers
            if ("Image" in name) == (service == "ImageService")
        }
        handler = grpc.method_handlers_generic_handler(f"runtime.v1.{service}", methods)
        server.add_generic_rpc_handlers((handler,))
    socket = folder / "cri.sock"
    server.add_insecure_port(f"unix://{socket}")
    await server.start()
    client = CriClient(f"unix://{socket}")
    try:
        yield client
    finally:
        await client.close()
        await server.stop(None)


def _make_handler(answers: Answers, name: str) -> Callable[[bytes, Any], Any]:
    async def handle(_: bytes, context: Any) -> bytes:
        answer = answers[name]
        if callable(answer):
            answer = answer()
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "refused by the test")
        return bytes(answer.SerializeToString())

    return handle
