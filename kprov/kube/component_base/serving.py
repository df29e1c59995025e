"""A component's HTTP server for health checks and metrics."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response
from kprov.kube.component_base.serving_certificate import ServingCertificate
from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.component_base.tls_options import make_server_context

if TYPE_CHECKING:
    from kprov.kube.component_base.health_metrics import HealthMetrics

log = logging.getLogger(__name__)

# A check returns None for healthy, else the reason. It must not block.
Check = Callable[[], str | None]
# Returns None for an allowed request, else the refusal.
Authorize = Callable[[Request], Awaitable[Response | None]]

_HEALTH_PATHS: Final = ("/healthz", "/livez", "/readyz")
#: How long a server that stops waits for the responses under way.
_STOP_SECONDS: Final = 5.0


class HealthServer:
    """Serves /healthz, /livez, /readyz (each also with /CHECK, ?verbose, ?exclude=CHECK) and metrics.

    /metrics has those of the process, /metrics/slis the results of health checks.

    Certificate files turn on TLS. `self_signed` creates a certificate if there are no files. With
    `client_ca_file` all paths but the health checks require a client certificate of that authority, unless
    `authorize(request)` decides (see client.delegated_auth). Go's names set `tls_min_version` and
    `tls_cipher_suites`. Renewed certificate files serve within a minute.
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
    ) -> None:
        self.address = address or "0.0.0.0"
        self.port = port
        self._tls = (tls_cert_file, tls_private_key_file, client_ca_file)
        self._tls_limits = (tls_min_version, tls_cipher_suites)
        self._self_signed = self_signed
        self._authorize = authorize
        self._live: dict[str, Check] = {"ping": lambda: None}
        self._ready: dict[str, Check] = {}
        self._listener = Listener(self._handle)
        self._health_metrics: HealthMetrics | None = None
        self._build: bytes = b""
        self._certificate: ServingCertificate | None = None
        self._reload: asyncio.Task[None] | None = None

    def add_check(self, name: str, check: Check, *, ready_only: bool = False) -> None:
        """Add a named check for /healthz and /livez, or only for /readyz."""
        (self._ready if ready_only else self._live)[name] = check

    async def start(self) -> None:
        """Listen. Port 0 picks a free port and stores it in `port`. OSError: the port is in use."""
        await self._listener.start(self.address, self.port, self._tls_context())
        self.port = self._listener.port
        if self._certificate is not None:
            self._reload = start_background_task(self._certificate.watch(), "serving certificate")

    async def stop(self) -> None:
        """Stop to listen, wait a moment for the responses under way, and close all connections."""
        if self._reload is not None:
            self._reload.cancel()
        await self._listener.stop(_STOP_SECONDS)

    def _tls_context(self) -> ssl.SSLContext | None:
        certificate, key, authority = self._tls
        if not certificate and self._self_signed:
            from kprov.kube.component_base import self_signed

            certificate, key = self_signed.create_certificate("localhost")
            self._tls = (certificate, key, authority)
        if not certificate:
            return None
        context = make_server_context(*self._tls_limits)
        self._certificate = ServingCertificate(context, certificate, key)
        if authority:
            context.load_verify_locations(authority)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    async def _handle(self, request: Request) -> Response:
        try:
            return await self._respond(request)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return Response(status=500, text="Internal Server Error\n")

    async def _respond(self, request: Request) -> Response:
        path = request.path.rstrip("/") or "/"
        base = "/" + path.partition("/")[2].partition("/")[0]
        if base in _HEALTH_PATHS:
            return self._health(base, path[len(base) + 1 :], request)
        if (refusal := await self._refuse(request)) is not None:
            return refusal
        if path in {"/metrics", "/metrics/slis"}:
            return await self._show_metrics(path)
        return Response(status=404, text="404 page not found\n")

    async def _show_metrics(self, path: str) -> Response:
        from kprov.kube.component_base import build_metric, metrics

        if path == "/metrics/slis":
            body = self._health_metrics.render() if self._health_metrics is not None else b""
        else:
            self._build = self._build or await asyncio.to_thread(build_metric.render_build_metric)
            body = metrics.render() + self._build
        return Response(body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _refuse(self, request: Request) -> Response | None:
        if self._authorize is not None:
            return await self._authorize(request)
        if self._tls[2] and not request.certificates:
            return Response(status=401, text="Unauthorized\n")
        return None

    def _health(self, base: str, name: str, request: Request) -> Response:
        checks = self._live | self._ready if base == "/readyz" else self._live
        if name:
            if name not in checks:
                return Response(status=404, text="404 page not found\n")
            checks = {name: checks[name]}
        excluded = {item for value in request.query.getall("exclude", []) for item in value.split(",")}
        results: list[tuple[str, str | None]] = []
        for label, check in checks.items():
            if label not in excluded:
                results.append((label, _run_check(label, check)))
        self._count(base, dict(results))
        failed = [label for label, reason in results if reason is not None]
        if not failed and "verbose" not in request.query:
            return Response(text="ok")
        lines = [f"[-]{label} failed: {reason}" if reason else f"[+]{label} ok" for label, reason in results]
        lines.append(f"{base[1:]} check {'failed' if failed else 'passed'}")
        return Response(status=500 if failed else 200, text="\n".join(lines) + "\n")

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


def peer_identity(request: Request) -> tuple[str, list[str]]:
    """User (CN) and groups (O) of the verified client certificate. ("", []) without one."""
    certificate = (None if request.connection is None else request.connection.certificate) or {}
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    names = [str(value) for key, value in pairs if key == "commonName"]
    return (names[0] if names else ""), [str(value) for key, value in pairs if key == "organizationName"]
