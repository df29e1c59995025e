"""The filters that every request passes, and the listener.

The order is that of upstream's DefaultBuildHandlerChain: authentication, audit, impersonation, priority and
fairness, authorization, handler.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Final

from kprov.kube.apiserver.audit.auditor import Auditor
from kprov.kube.apiserver.audit.event import AuditEvent
from kprov.kube.apiserver.authn import impersonation
from kprov.kube.apiserver.authn.union import has_spaces_before_token
from kprov.kube.apiserver.flowcontrol.filter import FlowControl
from kprov.kube.apiserver.handlers import request_checks, responses, verbs
from kprov.kube.apiserver.handlers.documents import Documents
from kprov.kube.apiserver.handlers.nonresource.openid import OpenId
from kprov.kube.apiserver.interfaces import Authenticator, Authorizer, Decision
from kprov.kube.apiserver.request import (
    ANONYMOUS,
    RequestContext,
    RequestInfo,
    UserInfo,
    body,
    heavy_lane,
    http_request,
    negotiation,
)
from kprov.kube.apiserver.request import info as request_info
from kprov.kube.apiserver.request.forbidden import forbidden_error
from kprov.kube.apiserver.request.heavy_lane import HeavyLane, LaneEntry
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.apiserver.server import request_metrics
from kprov.kube.apiserver.server.health import Health
from kprov.kube.apiserver.server.heavy_process import HeavyProcess
from kprov.kube.apiserver.server.request_metrics import RequestMetrics
from kprov.kube.apiserver.server.write_deadline import finish_write
from kprov.kube.component_base import metrics as component_metrics
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.response import BaseResponse, Response, StreamResponse
from kprov.kube.machinery import status

log = logging.getLogger(__name__)

_METRICS: Final = {"Content-Type": component_metrics.CONTENT_TYPE, "Cache-Control": "no-cache, private"}
_SPACED: Final = (
    "the provided Authorization header contains extra space before the bearer token, and is ignored"
)
_READS: Final = {"get", "list", "watch"}
_ENDLESS_SUBRESOURCES: Final = {"exec", "attach", "portforward", "proxy", "log"}


class Server:
    """The listener and the filters that all requests share."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        authorizer: Authorizer,
        resources: verbs.Verbs,
        documents: Documents,
        openid: OpenId,
        health: Health,
        anonymous: Callable[[RequestInfo], bool],
        auditor: Auditor | None = None,
        flow: FlowControl | None = None,
        request_seconds: float = 60.0,
        heavy: HeavyProcess | None = None,
    ) -> None:
        """anonymous: whether system:anonymous may send a request; called for requests without credentials.

        heavy: executes heavy writes; None: this process does.
        """
        self.authenticator = authenticator
        self._authorizer = authorizer
        self._impersonator = impersonation.Impersonator(authorizer)
        self._resources = resources
        self._documents = documents
        self._openid = openid
        self._health = health
        self._anonymous = anonymous
        self._auditor = auditor
        self._flow = flow
        self._seconds = request_seconds
        self._heavy = heavy
        self._lane = HeavyLane()
        self.metrics = RequestMetrics()
        #: Called before each scrape of /metrics, to read values that cost a request to etcd.
        self.before_scrape: Callable[[], Awaitable[None]] | None = None
        self._listener = Listener(self.handle, request_class=Request)
        self._inflight = 0
        #: Done after the last response. Set only while the server stops.
        self._draining: asyncio.Future[None] | None = None

    async def start(
        self, *, address: str, port: int, context: ssl.SSLContext, reuse_port: bool = False
    ) -> None:
        """Start to listen. Raise OSError if the port is taken."""
        await self._listener.start(address or "0.0.0.0", port, context, reuse_port=reuse_port)

    async def stop(self, seconds: float = 10.0) -> None:
        """Close the listening socket and wait until running requests end."""
        self._listener.stop_accepting()
        await self._listener.finish_arrivals()
        self._draining = asyncio.get_running_loop().create_future()
        if self._inflight:
            await asyncio.wait((self._draining,), timeout=seconds)
        await self._listener.close()

    async def handle(self, request: Request) -> BaseResponse:
        """Answer one request. Raise only CancelledError and ConnectionError."""
        query: Mapping[str, str] = request.query
        info, tail = request_info.parse(request.method, request.raw_path, query)
        if info.verb == "watch" or (info.is_resource_request and info.subresource in _ENDLESS_SUBRESOURCES):
            return await self._handle_long(request, info, query, tail)
        begin = perf_counter()
        self._inflight += 1
        response = None
        metrics = self.metrics
        reads = info.verb in _READS
        if reads:
            metrics.reading += 1
        else:
            metrics.writing += 1
        try:
            response = await self._respond(request, info, query, tail)
        finally:
            if request.seat is not None:
                request.seat.leave()
            self._inflight -= 1
            if reads:
                metrics.reading -= 1
            else:
                metrics.writing -= 1
            if request.audit is not None and self._auditor is not None:
                self._auditor.end(request, response)
            if self._draining is not None and not self._inflight and not self._draining.done():
                self._draining.set_result(None)
        if request.metrics_label is not None:
            metrics.count(request, info, response.status, perf_counter() - begin)
            if reads:
                metrics.count_size(request.metrics_label, info, _body_size(response))
        return response

    async def _handle_long(
        self, request: Request, info: RequestInfo, query: Mapping[str, str], tail: str
    ) -> BaseResponse:
        """Answer a watch or a connection, which metrics count from the head of the response on."""
        request.is_long = True
        begin = request.started = perf_counter()
        running = self.metrics.begin_long(info, query)
        waited_for = info.verb != "watch"
        self._inflight += waited_for
        response = None
        try:
            response = await self._respond(request, info, query, tail)
        finally:
            if request.seat is not None:
                request.seat.leave()
            self.metrics.end_long(running)
            self._inflight -= waited_for
            # A client that closed the connection early has got the head.
            begun = request.long_response if response is None else response
            if request.metrics_label is not None and begun is not None:
                self.metrics.count(request, info, begun.status, perf_counter() - begin)
                # As upstream: only watches that the query asks for, not those of /watch/ paths.
                if info.verb == "watch" and "watch" in query:
                    self.metrics.count_size(request.metrics_label, info, _body_size(begun))
            if request.audit is not None and self._auditor is not None:
                self._auditor.end(request, response)
            if self._draining is not None and not self._inflight and not self._draining.done():
                self._draining.set_result(None)
        return response

    async def _respond(
        self, request: Request, info: RequestInfo, query: Mapping[str, str], tail: str
    ) -> BaseResponse:
        """Answer the request; turn exceptions into error responses."""
        try:
            if "timeout" in query and not request.is_long:
                return await self._respond_in_time(request, info, query, tail)
            return await self._process(request, info, query, tail)
        except status.StatusError as error:
            return responses.build_error(error, negotiation.negotiate_error(request, query))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            if request.audit is not None:
                request.audit.write_panic(str(error))
                request.audit = None
            return responses.build_error(status.internal_error("the server met an error it did not expect"))

    async def _respond_in_time(
        self, request: Request, info: RequestInfo, query: Mapping[str, str], tail: str
    ) -> BaseResponse:
        """Answer within the time of the parameter `timeout`. Raise StatusError 400 or 504."""
        try:
            seconds = request_checks.parse_timeout(query, self._seconds)
        except status.StatusError as error:
            self._audit_rejection(request, info, error)
            raise
        if seconds >= self._seconds:
            return await self._process(request, info, query, tail)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.sleep(0)  # a timeout that has already passed stops the request here
                return await self._process(request, info, query, tail)
        except TimeoutError:
            raise status.timeout("request did not complete within the allotted timeout") from None

    async def _process(
        self, request: Request, info: RequestInfo, query: Mapping[str, str], tail: str
    ) -> BaseResponse:
        acting = user = await self._authenticate(request, info)
        event = None if self._auditor is None else self._begin_audit(self._auditor, request, info, user)
        if impersonation.has_headers(request.headers):
            try:
                acting = await self._impersonate(user, request, info, event)
            except status.StatusError as error:
                return _forbidden_response(error, request, query)
        if self._flow is not None:
            await _wait_for_body(request)
            refusal = await self._flow.enter(request, acting, info)
            if refusal is not None:
                self.metrics.count_dropped(request, info)
                return refusal
        decision, reason = await self._authorizer.authorize(acting, info)
        if event is not None:
            _annotate_decision(event, decision, reason)
        if decision is not Decision.ALLOW:
            return _forbidden_response(forbidden_error(info, acting.name, reason), request, query)
        if not info.is_resource_request:
            return await self._handle_nonresource(request, query)
        context = _make_context(request, acting, info, None if event is None else event.annotations)
        if self._heavy is not None and self._is_heavy(request, info):
            if self._heavy.is_ready:
                return await self._heavy.execute(request, context, await body.read(request))
            self._heavy.want()
        return await self._handle_resource(request, context, query, tail)

    async def _handle_resource(
        self, request: Request, context: RequestContext, query: Mapping[str, str], tail: str
    ) -> BaseResponse:
        try:
            return await self._run_handler(request, context, query, tail)
        except status.StatusError as error:
            return responses.build_error(
                error, negotiation.negotiate_error(request, query), warnings=context.warnings
            )

    def _is_heavy(self, request: Request, info: RequestInfo) -> bool:
        """Whether another process executes the request: a write with a large body or to a large object.

        Objects of a definition with a costly schema are large sooner.
        """
        if info.verb in _READS or request.is_long:
            return False
        length = request.body.received if request.content_length is None else request.content_length
        weight = self._resources.find_weight(info)
        if heavy_lane.is_heavy(info.api_group, length * weight):
            return length <= body.MAX_BYTES
        return heavy_lane.is_heavy(info.api_group, self._resources.count_stored_bytes(info) * weight)

    async def execute_authorized(
        self, request: Request, user: UserInfo, annotations: dict[str, str] | None
    ) -> BaseResponse:
        """Execute what the first process has authorized. Raise only CancelledError and ConnectionError.

        annotations: gets the audit annotations; None if the request is not audited.
        """
        query: Mapping[str, str] = request.query
        info, tail = request_info.parse(request.method, request.raw_path, query)
        context = _make_context(request, user, info, annotations)
        try:
            return await self._handle_resource(request, context, query, tail)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return responses.build_error(status.internal_error("the server met an error it did not expect"))

    def _begin_audit(
        self, auditor: Auditor, request: Request, info: RequestInfo, user: UserInfo
    ) -> AuditEvent | None:
        event = request.audit = auditor.begin(request, info, user)
        if event is not None and user.remarks is not None:
            event.annotations.update(user.remarks.annotations)
        return event

    async def _impersonate(
        self, user: UserInfo, request: Request, info: RequestInfo, event: AuditEvent | None
    ) -> UserInfo:
        """Return the user that the request's headers name. Raises StatusError 400, 403."""
        acting, constraint = await self._impersonator.impersonate(user, request.headers, info)
        if event is not None and acting is not user:
            event.set_impersonated_user(acting, constraint)
        return acting

    async def _run_handler(
        self, request: Request, context: RequestContext, query: Mapping[str, str], tail: str
    ) -> BaseResponse:
        info = context.info
        work = self._handle_in_lane(request, context, query, tail)
        if info.verb in _READS or info.subresource in _ENDLESS_SUBRESOURCES:
            return await work
        return await finish_write(work, self._seconds)

    async def _handle_in_lane(
        self, request: Request, context: RequestContext, query: Mapping[str, str], tail: str
    ) -> BaseResponse:
        """Handle the request, and leave the lane of long computations if it has entered it."""
        entry = context.lane_entry = LaneEntry(self._lane, context.user.name)
        try:
            return await self._resources.handle(request, context, query, tail)
        finally:
            entry.leave()

    async def _authenticate(self, request: Request, info: RequestInfo) -> UserInfo:
        try:
            user = await self.authenticator.authenticate(request.headers, request.certificates)
            if user is not None:
                if user.remarks is not None:
                    request.warnings = user.remarks.warnings
                return user
            if not self._anonymous(info):
                raise status.unauthorized()
        except status.StatusError as error:
            self._audit_rejection(request, info, error)
            raise
        if has_spaces_before_token(request.headers):
            request.warnings = (_SPACED,)
        return ANONYMOUS

    def _audit_rejection(self, request: Request, info: RequestInfo, error: status.StatusError) -> None:
        if self._auditor is not None:
            self._auditor.record_rejection(request, info, error)

    async def _handle_nonresource(self, request: Request, query: Mapping[str, str]) -> BaseResponse:
        path = request.path
        health = await self._health.answer(path, query, set(request.query.getall("exclude", [])))
        if health is not None:
            request.metrics_label = path if path.count("/") == 1 else None
            return health
        if path in {"/metrics", "/metrics/slis"}:
            if self.before_scrape is not None:
                await self.before_scrape()
            is_sli = path != "/metrics"
            text = self._health.format_slis() if is_sli else await component_metrics.render_in_steps()
            return Response(body=text, headers=_METRICS)
        answer = self._openid.answer(path.rstrip("/"), request.method, request.headers.get("Accept", ""))
        if answer is None:
            answer = await self._documents.answer(request)
            if answer is not None:
                request.metrics_label = request_metrics.find_metrics_label(path, answer)
        return request_checks.answer_unknown_path(path, self._resources.groups) if answer is None else answer


def _make_context(
    request: Request, user: UserInfo, info: RequestInfo, annotations: dict[str, str] | None
) -> RequestContext:
    agent = http_request.replace_invalid_utf8(request.headers.get("User-Agent", ""))
    context = RequestContext(user=user, info=info, user_agent=agent)
    context.audit_annotations = annotations
    return context


async def _wait_for_body(request: Request) -> None:
    """Wait before the request takes a seat: slow senders would hold them all. Raise StatusError 408.

    A body that is too large is refused before it comes.
    """
    if request.is_long or request.body.has_ended or (request.content_length or 0) > body.MAX_BYTES:
        return
    try:
        async with asyncio.timeout(body.MAX_SECONDS):
            await request.body.wait_until_buffered()
    except TimeoutError:
        request.keep_alive = False
        raise body.make_timeout_error() from None


def _annotate_decision(event: AuditEvent, decision: Decision, reason: str) -> None:
    word = "allow" if decision is Decision.ALLOW else "forbid"
    event.annotate("authorization.k8s.io/decision", word)
    event.annotate("authorization.k8s.io/reason", reason)


def _forbidden_response(error: status.StatusError, request: Request, query: Mapping[str, str]) -> Response:
    """Return a 403 that browsers do not render as HTML."""
    response = responses.build_error(error, negotiation.negotiate_error(request, query))
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _body_size(answer: BaseResponse) -> int:
    """Return the number of bytes of the body that were sent so far."""
    if isinstance(answer, StreamResponse):
        return answer.sent
    return len(answer.body) if isinstance(answer, Response) else 0
