"""Health check node ports: load balancers ask there whether this node has endpoints (policy Local)."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

import orjson

log = logging.getLogger(__name__)


class HealthCheckPorts:
    """An HTTP server for each health check node port. `set` sets what they respond."""

    def __init__(self) -> None:
        self._servers: dict[int, asyncio.Server] = {}
        self._answers: dict[int, bytes] = {}
        self._refused: set[int] = set()

    async def set(self, services: Mapping[int, tuple[str, str, int]], *, proxy_healthy: bool) -> None:
        """`services`: port > (namespace, name, ready local endpoints). Opens and closes ports to match."""
        for port in self._servers.keys() - services.keys():
            self._servers.pop(port).close()
        self._answers = {
            port: render_response(*service, proxy_healthy=proxy_healthy) for port, service in services.items()
        }
        for port in services.keys() - self._servers.keys():
            try:
                self._servers[port] = await asyncio.start_server(partial(self._serve, port), None, port)
                self._refused.discard(port)
            except OSError as error:
                if port not in self._refused:
                    log.error("health check node port %d: %s", port, error)  # noqa: TRY400
                self._refused.add(port)

    def close(self) -> None:
        for server in self._servers.values():
            server.close()

    async def _serve(self, port: int, reader: "asyncio.StreamReader", writer: "asyncio.StreamWriter") -> None:
        try:
            async with asyncio.timeout(5):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answers.get(port, b""))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


def render_response(namespace: str, name: str, local_endpoints: int, *, proxy_healthy: bool) -> bytes:
    """Return the whole HTTP response as upstream's: 200 with local endpoints, 503 without."""
    document = {
        "service": {"namespace": namespace, "name": name},
        "localEndpoints": local_endpoints,
        "serviceProxyHealthy": proxy_healthy,
    }
    body = orjson.dumps(document)
    status = "200 OK" if local_endpoints and proxy_healthy else "503 Service Unavailable"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
        f"X-Load-Balancing-Endpoint-Weight: {local_endpoints}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
