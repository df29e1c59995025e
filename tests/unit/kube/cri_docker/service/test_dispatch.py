"""From bytes to messages and back, and errors of the engine as statuses."""

from __future__ import annotations

import pytest

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.engine.errors import EngineError, EngineUnavailableError
from kprov.kube.cri_docker.service.dispatch import bind_unary, translate_error


async def answer(request: pb.VersionRequest) -> pb.VersionResponse:
    return pb.VersionResponse(version=request.version)


async def test_a_method_of_bytes() -> None:
    method = bind_unary(pb.VersionRequest, answer)
    found = await method.handle(pb.VersionRequest(version="v1").SerializeToString())
    assert pb.VersionResponse.FromString(found).version == "v1"


async def test_a_malformed_message() -> None:
    with pytest.raises(RpcError, match="malformed message") as error:
        await bind_unary(pb.VersionRequest, answer).handle(b"\xff")
    assert error.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            EngineError(404, "No such image: x"),
            Code.NOT_FOUND,
            "Error response from daemon: No such image: x",
        ),
        (EngineError(400, "bad"), Code.INVALID_ARGUMENT, "Error response from daemon: bad"),
        (EngineError(500, "broken"), Code.UNKNOWN, "Error response from daemon: broken"),
        (EngineUnavailableError("nobody"), Code.UNAVAILABLE, "nobody"),
    ],
)
def test_errors_of_the_engine(error: EngineError | EngineUnavailableError, code: Code, text: str) -> None:
    status = translate_error(error)
    assert (status.code, status.details) == (code, text)
