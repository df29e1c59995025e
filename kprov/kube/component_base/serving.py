"""A component's HTTP server for health checks and metrics."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kprov.kube.component_base.tls_options import make_server_context

if TYPE_CHECKING:
    from aiohttp import web

    from kprov.kube.component_base.health_metrics import HealthMetrics

log = logging.getLogger(__name__)

# A check returns None for healthy, else the reason. It must not block.
Check = Callable[[], str | None]
Handler = Callable[["web.BaseRequest"], Awaitable["web.StreamResponse"]]
Authorize = Callable[["web.BaseRequest"], Awaitable[bool]]

_HEALTH_PATHS = ("/healthz", "/livez", "/readyz")


class HealthServer:
    """Serves /healthz, /livez, /readyz (each also with /CHECK, ?verbose, ?exclude=CHECK) and metrics.

    /metrics has those of the process, /metrics/slis the results of health checks.

    Certificate files turn on TLS. `self_signed` creates a certificate if there are no files. With
    `client_ca_file` all paths but the health checks require a client certificate of that authority, unless
    `authorize(request)` decides (see client.delegated_auth). `routes` adds handlers by path. Go's names set
    `tls_min_version` and `tls_cipher_suites`.
    """

    def __init__(
        self,
        *,
        address: str,
        port: int,
        tls_cert_file: str = "",
        tls_private_key_file: str = "",
        client_ca_file: str = "",
        tls_min_version: str = "",
        tls_cipher_suites: Sequence[str] = (),
        self_signed: bool = False,
        authorize: Authorize | None = None,
        routes: Mapping[str, Handler] | None = None,
    ) -> None:
        self.address = address or "0.0.0.0"
        self.port = port
        self._tls = (tls_cert_file, tls_private_key_file, client_ca_file)
        self._tls_limits = (tls_min_version, tls_cipher_suites)
        self._self_signed = self_signed
        self._authorize = authorize
        self._routes = dict(routes or {})
        self._live: dict[str, Check] = {"ping": lambda: None}
        self._ready: dict[str, Check] = {}
        self._runner: web.ServerRunner | None = None
        self._context: ssl.SSLContext | None = None
        self._health_metrics: HealthMetrics | None = None
        self._build: bytes = b""

    def add_check(self, name: str, check: Check, *, ready_only: bool = False) -> None:
        """A named check for /healthz and /livez, or only for /readyz."""
        (self._ready if ready_only else self._live)[name] = check

    async def start(self) -> None:
        """Listen. Port 0 picks a free port and stores it in `port`. OSError: the port is in use."""
        from aiohttp import web

        self._context = self._tls_context()
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None))
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self.address, self.port, ssl_context=self._context, reuse_address=True
        )
        await site.start()
        if self.port == 0:
            self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _tls_context(self) -> ssl.SSLContext | None:
        certificate, key, authority = self._tls
        if not certificate and self._self_signed:
            from kprov.kube.component_base import self_signed

            certificate, key = self_signed.create_certificate("localhost")
            self._tls = (certificate, key, authority)
        if not certificate:
            return None
        context = make_server_context(*self._tls_limits)
        context.load_cert_chain(certificate, key)
        if authority:
            context.load_verify_locations(authority)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    async def _handle(self, request: "web.BaseRequest") -> "web.StreamResponse":
        from aiohttp import web

        path = request.path.rstrip("/") or "/"
        base = "/" + path.split("/")[1]
        if base in _HEALTH_PATHS:
            return self._health(base, path[len(base) + 1 :], request)
        if not await self._is_allowed(request):
            return web.Response(status=401, text="Unauthorized\n")
        if path in {"/metrics", "/metrics/slis"}:
            return await self._show_metrics(path)
        handler = self._routes.get(path) or self._routes.get(base)
        if handler is None:
            return web.Response(status=404, text="404 page not found\n")
        return await handler(request)

    async def _show_metrics(self, path: str) -> "web.StreamResponse":
        from aiohttp import web

        from kprov.kube.component_base import build_metric, metrics

        if path == "/metrics/slis":
            body = self._health_metrics.render() if self._health_metrics is not None else b""
        else:
            self._build = self._build or await asyncio.to_thread(build_metric.render_build_metric)
            body = metrics.render() + self._build
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _is_allowed(self, request: "web.BaseRequest") -> bool:
        if self._authorize is not None:
            return await self._authorize(request)
        if not self._tls[2]:
            return True
        return bool(request.transport is not None and request.transport.get_extra_info("peercert"))

    def _health(self, base: str, name: str, request: "web.BaseRequest") -> "web.Response":
        from aiohttp import web

        checks = self._live | self._ready if base == "/readyz" else self._live
        if name:
            if name not in checks:
                return web.Response(status=404, text="404 page not found\n")
            checks = {name: checks[name]}
        excluded = {item for value in request.query.getall("exclude", []) for item in value.split(",")}
        results: list[tuple[str, str | None]] = []
        for label, check in checks.items():
            if label not in excluded:
                results.append((label, _run_check(label, check)))
        self._count(base, dict(results))
        failed = [label for label, reason in results if reason is not None]
        if not failed and "verbose" not in request.query:
            return web.Response(text="ok")
        lines = [f"[-]{label} failed: {reason}" if reason else f"[+]{label} ok" for label, reason in results]
        lines.append(f"{base[1:]} check {'failed' if failed else 'passed'}")
        return web.Response(status=500 if failed else 200, text="\n".join(lines) + "\n")

    def _count(self, base: str, results: Mapping[str, str | None]) -> None:
        if self._health_metrics is None:
            from kprov.kube.component_base.health_metrics import HealthMetrics

            self._health_metrics = HealthMetrics()
        self._health_metrics.count(base.lstrip("/"), results)


def _run_check(label: str, check: Check) -> str | None:
    try:
        reason = check()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        log.warning("health check %s failed: %s", label, reason)
    return reason


def peer_identity(request: "web.BaseRequest") -> tuple[str, list[str]]:
    """User (CN) and groups (O) of the verified client certificate. ("", []) without one."""
    certificate: dict[str, Any] = (request.transport and request.transport.get_extra_info("peercert")) or {}
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    names = [str(value) for key, value in pairs if key == "commonName"]
    return (names[0] if names else ""), [str(value) for key, value in pairs if key == "organizationName"]
