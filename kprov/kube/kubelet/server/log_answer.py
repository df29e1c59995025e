"""A container's log as an answer, for as long as its client is there."""

from collections.abc import Callable

from aiohttp import web

from kprov.kube.kubelet.server import log_file
from kprov.kube.kubelet.server.log_file import LogOptions


async def answer(
    request: web.BaseRequest, path: str, options: LogOptions, is_running: Callable[[], bool | None]
) -> web.StreamResponse:
    """The log at `path`, as `log_file.read` gives it. Raises FileNotFoundError when nothing was sent yet."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()

    def goes_on() -> bool | None:
        # A quiet container writes nothing at which its client could be missed.
        is_there = request.transport is not None and not request.transport.is_closing()
        return is_running() if is_there else False

    try:
        async for piece in log_file.read(path, options, goes_on):
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
        # Nobody is there any more to be told.
        pass
    return response
