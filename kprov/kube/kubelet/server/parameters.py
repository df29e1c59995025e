"""Query parameters of requests for streams and logs."""

from typing import Final

from kprov.kube.component_base.http11.request import Request
from kprov.kube.kubelet.logs.log_file import LogOptions, parse_since
from kprov.kube.kubelet.server import streaming
from kprov.kube.kubelet.server.errors import BadRequestError

_LARGEST_PORT: Final = 65535


def read_flag(text: str | None) -> bool:
    return (text or "").lower() in {"1", "true", "t"}


def read_log_options(request: Request) -> LogOptions:
    """Raise ValueError."""
    query = request.query
    return LogOptions(
        follow=read_flag(query.get("follow")),
        tail=int(query["tailLines"]) if query.get("tailLines") else None,
        since=parse_since(query.get("sinceSeconds"), query.get("sinceTime")),
        timestamps=read_flag(query.get("timestamps")),
        limit=int(query["limitBytes"]) if query.get("limitBytes") else None,
        stream=query.get("stream") or "All",
    )


def require_upgrade(request: Request) -> None:
    if not request.upgrade:
        raise BadRequestError("Upgrade request required")


def read_ports(request: Request) -> list[int]:
    """Return the ports of a WebSocket's channels. Empty for SPDY, whose streams name their ports."""
    if request.upgrade != "websocket" or streaming.offers_subprotocol(request, streaming.TUNNEL):
        return []
    text = ",".join(request.query.getall("port", []))
    if not text:
        raise BadRequestError('query parameter "port" is required')
    ports = text.split(",")
    for port in ports:
        if not (port.isascii() and port.isdecimal() and 0 < int(port) <= _LARGEST_PORT):
            raise BadRequestError(f'unable to parse "{port}" as a port')
    return [int(port) for port in ports]


def read_streams(request: Request) -> dict[str, bool]:
    """Return the streams, under the kubelet's names (input, output, error) or the API server's (stdin)."""

    def is_set(*names: str) -> bool:
        return any(read_flag(request.query.get(name)) for name in names)

    streams = {
        "stdin": is_set("input", "stdin"),
        "stdout": is_set("output", "stdout"),
        "stderr": is_set("error", "stderr"),
        "tty": is_set("tty"),
    }
    if not any(streams[name] for name in ("stdin", "stdout", "stderr")):
        raise BadRequestError("you must specify at least 1 of stdin, stdout, stderr")
    return streams
