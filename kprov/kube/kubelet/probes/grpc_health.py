"""gRPC probes: one call of grpc.health.v1.Health/Check."""

from typing import Final

from kprov.kube.component_base.rpc.channel import Channel
from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.kubelet.probes.errors import HandlerError

_CHECK: Final = "/grpc.health.v1.Health/Check"
_SERVING: Final = 1
_STATUS_NAMES: Final = {0: "UNKNOWN", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


async def check_health(host: str, port: int, service: str, timeout: float, user_agent: str) -> None:
    """Raise HandlerError unless the service answers SERVING."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    # HealthCheckRequest{service = 1}. Field 1 of the response is the status.
    request = b"\x0a" + _prefix_length(service.encode()) if service else b""
    channel = Channel(host, port, None, user_agent=user_agent)
    try:
        response = await channel.call_unary(channel.encode_method(_CHECK), request, timeout=timeout)
    except RpcError as error:
        if error.code is Code.DEADLINE_EXCEEDED:
            text = f'timeout: failed to connect service "{target}" within {timeout:g}s'
            raise HandlerError(text) from error
        raise HandlerError(f"error: health rpc failed: {error.details}") from error
    finally:
        await channel.close()
    status = response[1] if len(response) >= 2 and response[0] == 0x08 else 0
    if status != _SERVING:
        name = _STATUS_NAMES.get(status, status)
        raise HandlerError(f'service unhealthy (responded with "{name}")')


def _prefix_length(data: bytes) -> bytes:
    """Return the bytes after their length as a varint, as protobuf encodes a string."""
    size, prefix = len(data), bytearray()
    while size >= 0x80:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + data
