"""pods/exec, attach and portforward: connect the client's WebSocket or SPDY connection with the kubelet.

Source: upstream pkg/registry/core/pod/rest/subresources.go, pkg/registry/core/pod/strategy.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from kprov.kube.apiserver.interfaces import Authorizer, Decision
from kprov.kube.apiserver.request.query import is_true
from kprov.kube.apiserver.streaming import backend_address, headers, upgrade
from kprov.kube.apiserver.streaming.kubelet import KubeletAddress, Kubelets
from kprov.kube.apiserver.subresources import containers
from kprov.kube.apiserver.subresources.call import Call
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject

#: The names of streams in the API and in the kubelet.
_STREAMS: Final = (("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty"))


class StreamHandlers:
    def __init__(self, kubelets: Kubelets, authorizer: Authorizer) -> None:
        self._kubelets = kubelets
        self._authorizer = authorizer

    async def exec(self, call: Call) -> BaseResponse:
        """Run a command in a container."""
        pod = await self._read_pod(call)
        query = build_query(call.query) + [
            ("command", word) for word in call.request.query.getall("command", [])
        ]
        return await self._stream(
            call, pod, "exec", containers.choose_container(pod, _choose_container(call)), query
        )

    async def attach(self, call: Call) -> BaseResponse:
        """Attach to the first process of a container."""
        pod = await self._read_pod(call)
        query = build_query(call.query)
        return await self._stream(
            call, pod, "attach", containers.choose_container(pod, _choose_container(call)), query
        )

    async def port_forward(self, call: Call) -> BaseResponse:
        """Connect to ports of a pod. The ports are in the SPDY streams, or in the query of WebSocket v4."""
        ports = call.request.query.getall("ports", [])
        for port in ports:
            if not port.isascii() or not port.isdecimal():
                problem = f"strconv.ParseUint: parsing {status.quoted(port)}: invalid syntax"
                raise status.bad_request(f"cannot convert to []int32: {problem}")
            if not backend_address.is_port(port):
                problem = f"strconv.ParseUint: parsing {status.quoted(port)}: value out of range"
                raise status.bad_request(f"cannot convert to []int32: {problem}")
        pod = await self._read_pod(call)
        return await self._stream(call, pod, "portForward", "", [("port", ",".join(ports))] if ports else [])

    async def _read_pod(self, call: Call) -> JsonObject:
        await self._check_create(call)
        return await call.registry.store("", "pods").get(call.context, call.namespace, call.name)

    async def _check_create(self, call: Call) -> None:
        """Require the verb create for a WebSocket, which is opened with GET."""
        info = call.context.info
        if info.verb == "create":
            return
        decision, reason = await self._authorizer.authorize(call.context.user, replace(info, verb="create"))
        if decision is not Decision.ALLOW:
            raise status.forbidden(call.resource, call.name, reason)

    async def _stream(
        self, call: Call, pod: JsonObject, kind: str, container: str, query: Sequence[tuple[str, str]]
    ) -> BaseResponse:
        node = (pod.get("spec") or {}).get("nodeName")
        if not node:
            raise status.bad_request(f"pod {call.name} does not have a host assigned")
        address = self._kubelets.find_address(node, call.resource)
        if not call.request.upgrade:
            raise status.bad_request("Upgrade request required")
        request = call.request
        context = self._kubelets.load_context()
        url = urlsplit(build_url(address, kind, call.namespace, call.name, container, query))
        if not address.websockets:
            # Imported when needed: clients with WebSockets and older kubelets are rare.
            from kprov.kube.apiserver.streaming import port_forward_tunnel, websocket_channels

            if kind == "portForward" and port_forward_tunnel.is_requested(request):
                return await port_forward_tunnel.forward(request, url, context)
            if kind != "portForward" and websocket_channels.is_requested(request):
                asked = {ours: is_true(call.query.get(ours)) for ours, _ in _STREAMS}
                return await websocket_channels.translate(request, url, context, asked)
        return await upgrade.proxy_upgrade(request, url, headers.filter_upgrade(request), context)


def _choose_container(call: Call) -> str:
    return call.query.get("container", "")


def build_query(query: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the kubelet's parameters for the requested streams."""
    return [(theirs, "1") for ours, theirs in _STREAMS if is_true(query.get(ours))]


def build_url(
    address: KubeletAddress,
    kind: str,
    namespace: str,
    pod: str,
    container: str = "",
    query: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the kubelet's URL for a pod or a container."""
    path = "/".join(quote(part, safe="") for part in (kind, namespace, pod, container) if part)
    place = backend_address.join_host_port(address.host, str(address.port))
    return f"https://{place}/{path}" + (f"?{urlencode(sorted(query, key=itemgetter(0)))}" if query else "")
