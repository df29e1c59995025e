"""pods/log: stream the log of a container from its kubelet.

Source: upstream pkg/registry/core/pod/rest/log.go, pkg/registry/core/pod/strategy.go (LogLocation), and
staging/src/k8s.io/apiserver/pkg/registry/generic/rest (LocationStreamer, GenericHttpResponseChecker).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC
from typing import Final
from urllib.parse import SplitResult, urlsplit

from kprov.kube.apiserver.request import negotiation
from kprov.kube.apiserver.request.query import is_true, parse_integer
from kprov.kube.apiserver.streaming import encodings, headers
from kprov.kube.apiserver.streaming.kubelet import Kubelets
from kprov.kube.apiserver.subresources import containers
from kprov.kube.apiserver.subresources import pod_streams as streams
from kprov.kube.apiserver.subresources.call import Call
from kprov.kube.component_base.http11 import dial_errors
from kprov.kube.component_base.http11.client import FAILURES, ClientConnection, target_of
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response, StreamResponse
from kprov.kube.component_base.http11.response_head import ResponseHead
from kprov.kube.machinery import field, status, timestamps

_FLAGS: Final = ("follow", "previous", "timestamps")
#: The maximum length of a kubelet's error message for the client.
_ERROR_BYTES: Final = 50_000
_ERROR_SECONDS: Final = 10.0
#: Parts of Go's message for an invalid time.
_LAYOUT, _YEAR = '"2006-01-02T15:04:05Z07:00"', '"2006"'
_CONNECT_SECONDS: Final = 30.0
_HEADERS: Final = (("User-Agent", headers.GO_CLIENT), ("Accept-Encoding", "gzip"))


class LogHandler:
    def __init__(self, kubelets: Kubelets) -> None:
        self._kubelets = kubelets

    async def handle(self, call: Call) -> BaseResponse:
        """Handle GET; reply with 204 for a pod without a node."""
        # As upstream, the Accept header is checked against the forms of objects, although the reply is text.
        negotiation.parse_accept(call.request.headers.get("Accept", ""), transforms=False, is_routed=False)
        query = build_query(call.name, call.query)
        pod = await call.registry.store("", "pods").get(call.context, call.namespace, call.name)
        container = containers.choose_container(pod, call.query.get("container", ""))
        node = (pod.get("spec") or {}).get("nodeName")
        if not node:
            return Response(status=204, headers={"Cache-Control": "no-cache, private"})
        address = self._kubelets.find_address(node, call.resource)
        url = streams.build_url(address, "containerLogs", call.namespace, call.name, container, query)
        context = self._kubelets.load_context(
            verify=not is_true(call.query.get("insecureSkipTLSVerifyBackend"))
        )
        connection, head = await _request_log(urlsplit(url), context)
        async with connection:
            if not 200 <= head.status <= 206:
                text = (await _read_error(_decompress(connection, head))).decode(errors="replace")
                raise convert_error(head.status, text, call.name)
            return await _forward(call, _decompress(connection, head))


async def _request_log(url: SplitResult, context: ssl.SSLContext) -> tuple[ClientConnection, ResponseHead]:
    """Ask a kubelet. Raise StatusError 500 if it cannot be reached or does not respond in HTTP."""
    try:
        connection = await ClientConnection.open(url, context, seconds=_CONNECT_SECONDS)
        head = await connection.request("GET", target_of(url), url.netloc, _HEADERS)
    except (*FAILURES, ValueError) as error:
        text = f'Get "{url.geturl()}": {dial_errors.describe_error(error, url)}'
        raise status.failure(500, "", text) from error
    return connection, head


async def _forward(call: Call, pieces: AsyncIterator[bytes]) -> BaseResponse:
    try:
        if call.request.upgrade == "websocket":
            # Imported for such requests only.
            from kprov.kube.apiserver.streaming import log_websocket

            return await log_websocket.send_log(call.request, pieces)
        return await _send_chunks(call.request, pieces)
    except (*FAILURES, encodings.InvalidEncodingError) as error:
        # Abort the connection, so that the client sees that the log is incomplete.
        if call.request.transport is not None:
            call.request.transport.abort()
        raise ConnectionResetError(str(error)) from error


async def _send_chunks(request: Request, pieces: AsyncIterator[bytes]) -> BaseResponse:
    response = StreamResponse(headers={"Content-Type": "text/plain", "Cache-Control": "no-cache, private"})
    response.start(request)
    async for piece in pieces:
        await response.write(piece)
    response.end()
    return response


def _decompress(connection: ClientConnection, head: ResponseHead) -> AsyncIterator[bytes]:
    pieces = connection.iter_body(head)
    packed = head.headers.get("Content-Encoding", "").lower() == "gzip"
    return encodings.decompress(pieces) if packed else pieces


async def _read_error(pieces: AsyncIterator[bytes]) -> bytes:
    """Read the beginning of an error: what arrives in time. A broken body has no more."""
    beginning = b""
    with contextlib.suppress(*FAILURES, encodings.InvalidEncodingError):
        async with asyncio.timeout(_ERROR_SECONDS):
            async for piece in pieces:
                beginning += piece
                if len(beginning) >= _ERROR_BYTES:
                    break
    return beginning[:_ERROR_BYTES]


def _format_time(text: str) -> str:
    """Convert a time to UTC and whole seconds, as Go does; "" is Go's zero time."""
    if not text:
        return "0001-01-01T00:00:00Z"
    return timestamps.show(timestamps.parse(text).astimezone(UTC))


def build_query(name: str, query: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the kubelet's parameters. Raise Invalid for wrong values, BadRequest for other types."""
    parameters = [(flag, "true") for flag in _FLAGS if is_true(query.get(flag))]
    errors = []
    numbers = {
        parameter: parse_integer(query, parameter)
        for parameter in ("sinceSeconds", "tailLines", "limitBytes")
    }
    since_time = query.get("sinceTime")
    if since_time and not timestamps.is_valid(since_time):
        shown = status.quoted(since_time)
        raise status.bad_request(f"parsing time {shown} as {_LAYOUT}: cannot parse {shown} as {_YEAR}")
    if (numbers["tailLines"] or 0) < 0:
        text = "must be greater than or equal to 0"
        errors.append(field.invalid("tailLines", numbers["tailLines"], text))
    if numbers["limitBytes"] is not None and numbers["limitBytes"] < 1:
        errors.append(field.invalid("limitBytes", numbers["limitBytes"], "must be greater than 0"))
    if numbers["sinceSeconds"] is not None:
        if since_time is not None:
            text = "at most one of `sinceTime` or `sinceSeconds` may be specified"
            errors.append(field.forbidden("[]", text))
        elif numbers["sinceSeconds"] < 1:
            errors.append(field.invalid("sinceSeconds", numbers["sinceSeconds"], "must be greater than 0"))
    if query.get("stream"):
        # Upstream's feature gate PodLogsQuerySplitStreams is off.
        errors.append(field.forbidden("stream", "may not be specified"))
    if errors:
        raise status.invalid("", "PodLogOptions", name, errors)
    parameters += [(parameter, str(value)) for parameter, value in numbers.items() if value is not None]
    if since_time is not None:
        parameters.append(("sinceTime", _format_time(since_time)))
    return parameters


def convert_error(code: int, text: str, name: str) -> status.StatusError:
    """Convert a kubelet's error to a StatusError."""
    if code < 200:
        # A 1xx to a plain request: the client must not get it.
        code, text = 500, ""
    elif code == 500:
        return status.internal_error(text)
    if code == 400:
        return status.bad_request(text)
    reasons = {
        401: ("Unauthorized", "the server has asked for the client to provide credentials"),
        403: ("Forbidden", text),
        404: ("NotFound", "the server could not find the requested resource"),
        503: ("ServiceUnavailable", text),
    }
    reason, message = reasons.get(
        code,
        (
            "InternalError",
            f"the server responded with the status code {code} but did not return more information",
        ),
    )
    details = {
        "name": name,
        "kind": "pods/log",
        "causes": [{"reason": "UnexpectedServerResponse", "message": text}] if text else [],
    }
    return status.failure(code, reason, f"{message} ( pods/log {name})", details)
