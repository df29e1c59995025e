"""The response to a request for a container's log."""

from collections.abc import Callable

from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import StreamResponse
from kprov.kube.kubelet.logs import log_file
from kprov.kube.kubelet.logs.log_file import LogOptions


async def send_log(
    request: Request, path: str, options: LogOptions, is_running: Callable[[], bool | None]
) -> StreamResponse:
    """Send the log until its end. FileNotFoundError: there is no log.

    The listener cancels it when the client disconnects, also if the container writes nothing.
    """
    response = StreamResponse(headers={"Content-Type": "text/plain"})
    has_started = False
    try:
        async for piece in log_file.read_log(path, options, is_running):
            if not has_started:
                response.start(request)
                has_started = True
            await response.write(piece)
    except FileNotFoundError:
        if not has_started:
            raise
    if not has_started:
        response.start(request)
    response.end()
    return response
