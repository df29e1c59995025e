"""The response to a request for a container's log."""

from collections.abc import Callable

from aiohttp import web

from kprov.kube.kubelet.logs import log_file
from kprov.kube.kubelet.logs.log_file import LogOptions


async def send_log(
    request: web.BaseRequest, path: str, options: LogOptions, is_running: Callable[[], bool | None]
) -> web.StreamResponse:
    """Send the log until its end or until the client disconnects. FileNotFoundError: there is no log."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()

    def must_follow() -> bool | None:
        # A write shows that the client has disconnected, but a quiet container writes nothing.
        is_connected = request.transport is not None and not request.transport.is_closing()
        return is_running() if is_connected else False

    try:
        async for piece in log_file.read_log(path, options, must_follow):
            if not response.prepared:
                await response.prepare(request)
            await response.write(piece)
        if not response.prepared:
            await response.prepare(request)
        await response.write_eof()
    except FileNotFoundError:
        if not response.prepared:
            raise
    except ConnectionError:
        # The client has disconnected.
        pass
    return response
