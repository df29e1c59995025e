"""nodes|pods|services/proxy: forward HTTP requests and upgrades to a node, a pod or a service.

Source: upstream pkg/registry/core/{node,pod,service} (ResourceLocation), apimachinery/pkg/util/proxy.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from typing import Final
from urllib.parse import unquote, urlsplit

from kprov.kube.apiserver.streaming import backend_address, forward, headers, paths, upgrade
from kprov.kube.apiserver.streaming.kubelet import Kubelets, build_unverified_context
from kprov.kube.apiserver.subresources.call import Call
from kprov.kube.component_base.http11.response import BaseResponse, Response
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject

_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SCHEMES: Final = {"", "http", "https"}


class ProxyHandlers:
    def __init__(self, kubelets: Kubelets) -> None:
        self._kubelets = kubelets
        self._unverified = build_unverified_context()

    async def node(self, call: Call) -> BaseResponse:
        """Forward to the kubelet or another port of a node."""
        scheme, name, port = split_name(call.name, "node")
        _check_port(port)
        address = self._kubelets.find_address(name)
        await _check_host(address.host)
        if not port or port == str(address.port):
            base, context = (
                f"https://{backend_address.join_host_port(address.host, str(address.port))}",
                self._kubelets.load_context(),
            )
        else:
            base = f"{scheme or 'http'}://{backend_address.join_host_port(address.host, port)}"
            context = self._unverified
        return await self._send(call, base, context)

    async def pod(self, call: Call) -> BaseResponse:
        """Forward to a port of a pod; by default the first containerPort."""
        scheme, name, port = split_name(call.name, "pod")
        _check_port(port)
        pod = await call.registry.store("", "pods").get(call.context, call.namespace, name)
        return await self._send(call, build_pod_url(pod, scheme, port), self._unverified)

    async def service(self, call: Call) -> BaseResponse:
        """Forward to a ready pod of a service."""
        scheme, name, port = split_name(call.name, "service")
        registry = call.registry
        if backend_address.is_port(port):
            service = await registry.store("", "services").get(call.context, call.namespace, name)
            port = find_port_name(service, int(port))
        try:
            endpoints = await registry.store("", "endpoints").get(call.context, call.namespace, name)
        except status.StatusError as error:
            if error.reason != "NotFound":
                raise
            raise status.not_found(call.resource, name) from None
        pods = registry.store("", "pods").lister

        def is_pod(address: JsonObject) -> bool:
            target = address.get("targetRef") or {}
            if target.get("kind") != "Pod" or target.get("namespace") != call.namespace:
                return False
            pod = pods.get(call.namespace, target.get("name", ""))
            ip = address.get("ip", "")
            return pod is not None and ip in _list_ips(pod) and backend_address.is_allowed(ip)

        pod_endpoints = [endpoint for endpoint in list_endpoints(endpoints, port) if is_pod(endpoint[0])]
        if not pod_endpoints:
            asked = call.name if endpoints.get("subsets") else name
            raise status.service_unavailable(f"no endpoints available for service {status.quoted(asked)}")
        address, number = random.choice(pod_endpoints)  # noqa: S311  only spreads load
        base = f"{scheme or 'http'}://{backend_address.join_host_port(address['ip'], str(number))}"
        return await self._send(call, base, self._unverified)

    async def _send(self, call: Call, base: str, context: ssl.SSLContext) -> BaseResponse:
        request = call.request
        if request.method not in _METHODS:
            raise status.method_not_allowed()
        query = request.raw_query
        way = paths.clean(unquote(call.tail, errors="surrogateescape"))
        if not way and not request.upgrade and request.method in {"GET", "HEAD"}:
            # Relative links of a page need a slash at the end of the path.
            target = f"{request.raw_path}/" + (f"?{query}" if query else "")
            return Response(status=301, headers={"Location": target, "Cache-Control": "no-cache, private"})
        url = urlsplit(f"{base}{paths.escape(way) or '/'}" + (f"?{query}" if query else ""))
        if request.upgrade:
            return await upgrade.proxy_upgrade(request, url, headers.filter_upgrade(request), context)
        prefix = paths.escape(unquote(request.raw_path, errors="surrogateescape").removesuffix(way))
        return await forward.forward_request(request, url, prefix, context)


def split_name(text: str, kind: str) -> tuple[str, str, str]:
    """Split NAME, NAME:PORT or SCHEME:NAME:PORT to (scheme, name, port). Raise BadRequest."""
    parts = text.split(":")
    if len(parts) == 1:
        parts = ["", parts[0], ""]
    elif len(parts) == 2:
        parts = ["", *parts]
    if len(parts) != 3 or parts[0] not in _SCHEMES or not parts[1]:
        raise status.bad_request(f"invalid {kind} request {status.quoted(text)}")
    return parts[0], parts[1], parts[2]


def _check_port(port: str) -> None:
    """Raise ServiceUnavailable, as upstream's attempt to connect, for a port that is not a number."""
    if port and (problem := backend_address.find_port_problem(port)):
        raise status.service_unavailable(f"error trying to reach service: {problem}")


def build_pod_url(pod: JsonObject, scheme: str, port: str) -> str:
    """Return the URL of a pod's port. Raise BadRequest for a forbidden address."""
    if not port:
        for container in (pod.get("spec") or {}).get("containers") or ():
            if container.get("ports"):
                port = str(container["ports"][0]["containerPort"])
                break
    ip = next(iter(_list_ips(pod)), "")
    if not backend_address.is_allowed(ip):
        raise status.bad_request("address not allowed")
    return f"{scheme or 'http'}://{backend_address.join_host_port(ip, port)}"


def find_port_name(service: JsonObject, number: int) -> str:
    """Return the name of a service's port. Raise ServiceUnavailable for an unknown port."""
    for port in (service.get("spec") or {}).get("ports") or ():
        if port.get("port") == number:
            return str(port.get("name", ""))
    name = status.quoted(service["metadata"]["name"])
    raise status.service_unavailable(f"no service port {number} found for service {name}")


def list_endpoints(endpoints: JsonObject, port: str) -> list[tuple[JsonObject, int]]:
    """Return the ready addresses with the number of the named port."""
    return [
        (address, endpoint_port["port"])
        for subset in endpoints.get("subsets") or ()
        for endpoint_port in subset.get("ports") or ()
        if endpoint_port.get("name", "") == port
        for address in subset.get("addresses") or ()
    ]


def _list_ips(pod: JsonObject) -> list[str]:
    pod_status = pod.get("status") or {}
    listed = [entry["ip"] for entry in pod_status.get("podIPs") or () if entry.get("ip")]
    return listed or ([pod_status["podIP"]] if pod_status.get("podIP") else [])


async def _check_host(host: str) -> None:
    """Raise BadRequest for a forbidden host."""
    if backend_address.parse_ip(host) is None:
        try:
            address_infos = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            raise status.bad_request(f"lookup {host}: no such host") from error
        addresses = [str(address_info[4][0]).partition("%")[0] for address_info in address_infos]
    else:
        addresses = [host]
    if not all(map(backend_address.is_allowed, addresses)):
        raise status.bad_request("address not allowed")
