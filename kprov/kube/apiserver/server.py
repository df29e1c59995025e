"""The chain every request runs through: who, may they, what; and the listener.

Order as upstream's DefaultBuildHandlerChain: authentication, impersonation, authorization, handler.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from kprov.kube.apiserver.authentication.impersonation import impersonate
from kprov.kube.apiserver.documents import Documents
from kprov.kube.apiserver.endpoints import info as request_info
from kprov.kube.apiserver.endpoints import respond, verbs
from kprov.kube.apiserver.endpoints.nonresource.openid import OpenId
from kprov.kube.apiserver.health import Health
from kprov.kube.apiserver.interfaces import Authenticator, Authorizer, Decision
from kprov.kube.apiserver.request import ANONYMOUS, RequestContext, RequestInfo, UserInfo
from kprov.kube.component_base import metrics
from kprov.kube.machinery import status

log = logging.getLogger(__name__)

#: Seconds a request that is neither a watch nor a connection may take, as upstream's --request-timeout.
REQUEST_SECONDS: Final = 60.0
_READS: Final = {"get", "list", "watch"}
_ENDLESS: Final = {"watch", "proxy", "connect"}
_ENDLESS_SUBRESOURCES: Final = {"exec", "attach", "portforward", "proxy", "log"}

REQUESTS: Final = metrics.counter(
    "apiserver_request_total",
    "Counter of apiserver requests broken out for each verb, group, version, resource and HTTP code.",
    ["verb", "group", "version", "resource", "subresource", "code"],
)
INFLIGHT: Final = metrics.gauge(
    "apiserver_current_inflight_requests",
    "Number of currently used inflight request slots.",
    ["request_kind"],
)


class Server:
    """Holds what all requests share."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        authorizer: Authorizer,
        resources: verbs.Verbs,
        documents: Documents,
        openid: OpenId,
        health: Health,
        anonymous: bool,
    ) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._resources = resources
        self._documents = documents
        self._openid = openid
        self._health = health
        self._anonymous = anonymous
        self._counters: dict[tuple[str, ...], Any] = {}
        self._runner: web.ServerRunner | None = None
        self._inflight = 0
        #: Done when the last request has been answered; only while stopping.
        self._draining: asyncio.Future[None] | None = None

    async def start(
        self, *, address: str, port: int, context: ssl.SSLContext, reuse_port: bool = False
    ) -> None:
        """Listen. OSError: the port is taken."""
        server = web.Server(
            self.handle,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=180,
            max_line_size=65_536,
            max_field_size=65_536,
            auto_decompress=False,
        )
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner,
            address or "0.0.0.0",
            port,
            ssl_context=context,
            backlog=1024,
            reuse_address=True,
            reuse_port=reuse_port or None,
        )
        await site.start()

    async def stop(self, seconds: float = 10.0) -> None:
        """Take no more connections and let running requests end."""
        if self._runner is None:
            return
        for site in list(self._runner.sites):
            await site.stop()
        self._draining = asyncio.get_running_loop().create_future()
        if self._inflight:
            await asyncio.wait((self._draining,), timeout=seconds)
        await self._runner.cleanup()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request to its answer. Never raises but for cancellation."""
        query: Mapping[str, str] = request.query
        info, tail = request_info.parse(request.method, request.rel_url.raw_path, query)
        counted = info.verb != "watch"
        self._inflight += counted
        try:
            response = await self._answer(request, info, query, tail)
        except status.StatusError as error:
            response = respond.error(error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = respond.error(status.internal_error("the server met an error it did not expect"))
        finally:
            self._inflight -= counted
            if self._draining is not None and not self._inflight and not self._draining.done():
                self._draining.set_result(None)
        self._count(info, response.status)
        return response

    async def _answer(
        self, request: web.BaseRequest, info: RequestInfo, query: Mapping[str, str], tail: str
    ) -> web.StreamResponse:
        user = await self._authenticate(request)
        user = await impersonate(user, request.headers, self._authorizer)
        decision, reason = await self._authorizer.authorize(user, info)
        if decision is not Decision.ALLOW:
            raise verbs.denied(info, user.name, reason)
        if not info.is_resource_request:
            return await self._other(request, query)
        context = RequestContext(user=user, info=info, user_agent=request.headers.get("User-Agent", ""))
        work = self._resources.handle(request, context, query, tail)
        if info.verb in _READS or info.subresource in _ENDLESS_SUBRESOURCES:
            return await work
        # A write that has begun is brought to its end, also when the client goes away: hooks must hear of it.
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.wait_for(asyncio.shield(task), REQUEST_SECONDS)
        except TimeoutError:
            raise status.timeout("request did not complete within the allotted timeout") from None

    async def _authenticate(self, request: web.BaseRequest) -> UserInfo:
        transport = request.transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        user = await self._authenticator.authenticate(request.headers, certificate)
        if user is not None:
            return user
        if not self._anonymous:
            raise status.unauthorized()
        return ANONYMOUS

    async def _other(self, request: web.BaseRequest, query: Mapping[str, str]) -> web.StreamResponse:
        path = request.path
        excluded = {name for value in request.query.getall("exclude", []) for name in value.split(",")}
        health = self._health.answer(path, query, excluded)
        if health is not None:
            return health
        if request.method not in {"GET", "HEAD"}:
            raise status.path_not_found()
        if path == "/metrics":
            return web.Response(body=metrics.render(), headers={"Content-Type": metrics.CONTENT_TYPE})
        answer = self._openid.answer(path) or await self._documents.answer(request)
        if answer is None:
            raise status.path_not_found()
        return answer

    def _count(self, info: RequestInfo, code: int) -> None:
        key = (
            info.verb.upper(),
            info.api_group,
            info.api_version,
            info.resource,
            info.subresource,
            str(code),
        )
        counter = self._counters.get(key)
        if counter is None:
            if code == 404 and len(self._counters) > 5000:
                return
            counter = self._counters[key] = REQUESTS.labels(*key)
        counter.inc()
