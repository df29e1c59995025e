"""Connections through the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).

Source: RFC 9110, section 9.3.6 (CONNECT); Go's net/http (ProxyFromEnvironment, Transport.dialConn).
"""

from __future__ import annotations

import base64
import ssl
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from kprov.kube.component_base.http11.client import ClientConnection, target_of


async def open_connection(url: SplitResult, context: ssl.SSLContext) -> tuple[ClientConnection, str]:
    """Connect to a URL's host, and return the connection with the target of the request line.

    context: for https. OSError: neither the host nor the proxy can be reached, or the proxy refuses.
    EOFError, ResponseError: the proxy does not answer in HTTP.
    """
    proxy = find_proxy(url)
    if proxy is None:
        return await ClientConnection.open(url, context), target_of(url)
    if proxy.scheme != "http":
        raise OSError(f'proxyconnect tcp: unsupported proxy scheme "{proxy.scheme}"')
    connection = await ClientConnection.open(proxy)
    if url.scheme == "http":
        # A proxy gets the whole URL.
        return connection, url._replace(fragment="").geturl()
    try:
        await _start_tunnel(connection, url, proxy)
        await connection.writer.start_tls(context, server_hostname=url.hostname)
    except BaseException:
        connection.writer.transport.abort()
        raise
    return connection, target_of(url)


def find_proxy(url: SplitResult) -> SplitResult | None:
    """Return the proxy for a URL. None: connect to its host."""
    proxy = getproxies().get(url.scheme)
    host = url.hostname or ""
    if not proxy or host == "localhost" or host.startswith("127.") or host == "::1":
        return None
    if proxy_bypass(host):
        return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


async def _start_tunnel(connection: ClientConnection, url: SplitResult, proxy: SplitResult) -> None:
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    target = f"{host}:{url.port or 443}"
    headers = []
    if proxy.username:
        credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers.append(("Proxy-Authorization", f"Basic {base64.b64encode(credentials.encode()).decode()}"))
    head = await connection.request("CONNECT", target, target, headers)
    if head.status != 200:
        raise OSError(f"proxyconnect tcp: {head.status} {head.reason}")
