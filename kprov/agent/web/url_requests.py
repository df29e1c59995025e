"""Sends requests over HTTP(S), FTP and Unix sockets as Ansible's modules do, with the standard library.

Source for redirects, credentials, certificates and messages: the documentation of ansible-core's url modules.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import gzip
import http.client
import http.cookiejar
import io
import netrc
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Iterator, Optional

from kprov.agent import process, temporary_files
from kprov.agent.context import ModuleError
from kprov.agent.web import handlers as web_handlers

#: The arguments of every module with a url.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"required": True},
    "force": {"type": "bool", "default": False},
    "http_agent": {"default": "ansible-httpget"},
    "use_proxy": {"type": "bool", "default": True},
    "validate_certs": {"type": "bool", "default": True},
    "url_username": {},
    "url_password": {"no_log": True},
    "force_basic_auth": {"type": "bool", "default": False},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path"},
    "use_gssapi": {"refused": "use url_username with url_password, or command: curl --negotiate"},
    "timeout": {"type": "int", "default": 10},
    "unredirected_headers": {"type": "list", "elements": "str", "default": []},
    "decompress": {"type": "bool", "default": True},
    "ciphers": {"type": "list", "elements": "str"},
    "use_netrc": {"type": "bool", "default": True},
}


@dataclass
class Request:
    """A request; `options` are the checked ARGUMENTS, `since` is If-Modified-Since in epoch seconds."""

    url: str
    options: dict[str, Any]
    headers: dict[str, Any] = field(default_factory=dict)
    method: str = "GET"
    data: Any = None
    since: float | None = None
    redirects: str = "urllib2"
    unix_socket: str | None = None
    ca_path: str | None = None


@dataclass
class Response:
    """A response, of any status; `stream` reads its content, decompressed if the options ask for that."""

    stream: Any
    headers: Any
    url: str
    code: int


def mask_credentials(url: str) -> str:
    """Replace the credentials of a URL by asterisks."""
    parts = urllib.parse.urlparse(url)
    if not parts.username and not parts.password:
        return url
    credentials, _, host = parts.netloc.rpartition("@")
    return urllib.parse.urlunparse(
        parts._replace(netloc=("****:****@" if ":" in credentials else "****@") + host)
    )


def fetch(request: Request) -> tuple[Optional[Response], dict[str, Any]]:
    """Send a request; return the response and Ansible's values: url, status, msg, cookies, headers.

    Without a response, status is -1 and msg is the reason. `body` is the content of an error response.
    Raises ModuleError for an invalid URL.
    """
    info: dict[str, Any] = {"url": mask_credentials(request.url), "status": -1}
    jar = http.cookiejar.CookieJar()
    try:
        with _use_environment():
            answer = _open_request(request, jar)
    except urllib.error.HTTPError as error:
        body = error.read() if error.fp is not None else b""
        error.close()
        info.update(_make_headers(error.headers))
        info.update(msg=str(error), body=body, status=error.code)
        return Response(io.BytesIO(body), error.headers, request.url, error.code), info
    except urllib.error.URLError as error:
        info.update(msg=f"Request failed: {error}")
    except http.client.BadStatusLine as error:
        text = "connection was closed before a valid response was received"
        info.update(msg=f"Connection failure: {text}: {error}")
    except OSError as error:
        info.update(msg=f"Connection failure: {error}")
    except ValueError as error:
        raise ModuleError(str(error), **info) from None
    except Exception as error:
        info.update(msg=f"An unknown error occurred: {error}")
    else:
        info.update(_make_headers(answer.headers))
        info["cookies_string"] = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
        info["cookies"] = {cookie.name: cookie.value for cookie in jar}
        size = answer.headers.get("Content-Length", "unknown")
        info.update(msg=f"OK ({size} bytes)", url=mask_credentials(answer.geturl()), status=answer.code)
        zipped = (answer.headers.get("content-encoding") or "").lower() == "gzip"
        stream = gzip.GzipFile(fileobj=answer) if zipped and request.options["decompress"] else answer
        return Response(stream, answer.headers, answer.geturl(), answer.code or 200), info
    return None, info


def _make_headers(headers: Any) -> dict[str, str]:
    lower_case: dict[str, str] = {}
    for name, value in headers.items() if headers is not None else ():
        lower = name.lower()
        lower_case[lower] = f"{lower_case[lower]}, {value}" if lower in lower_case else value
    return lower_case


@contextlib.contextmanager
def _use_environment() -> Iterator[None]:
    """Apply the task's environment (proxies, netrc) to os.environ during the block."""
    saved, variables = dict(os.environ), process.get_environment()
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
            if name in saved:
                os.environ[name] = saved[name]


def _open_request(request: Request, jar: http.cookiejar.CookieJar) -> Any:
    options = request.options
    url, headers, handlers = _split_credentials(request)
    if not options["use_proxy"]:
        handlers.append(urllib.request.ProxyHandler({}))
    make_context = functools.partial(web_handlers.make_tls_context, options, request.ca_path)
    if request.unix_socket:
        handlers.append(web_handlers.UnixHandler(request.unix_socket, make_context))
    else:
        handlers.append(web_handlers.SecureHandler(make_context))
    handlers += [web_handlers.RedirectHandler(request.redirects), urllib.request.HTTPCookieProcessor(jar)]
    data = request.data.encode() if isinstance(request.data, str) else request.data
    prepared = urllib.request.Request(url, data=data, method=request.method.upper())
    if options["http_agent"]:
        prepared.add_header("User-agent", options["http_agent"])
    if options["force"]:
        prepared.add_header("cache-control", "no-cache")
    elif request.since is not None:
        stamp = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(request.since))
        prepared.add_header("If-Modified-Since", stamp)
    only_here = {name.lower() for name in options["unredirected_headers"] or []}
    for name, value in {**request.headers, **headers}.items():
        add = prepared.add_unredirected_header if name.lower() in only_here else prepared.add_header
        add(name, str(value))
    return urllib.request.build_opener(*handlers).open(prepared, None, options["timeout"])


def _split_credentials(request: Request) -> tuple[str, dict[str, str], list[Any]]:
    """Return the URL without its credentials, and the headers or the handlers that present them."""
    url, options = request.url, request.options
    parts = urllib.parse.urlparse(url)
    if parts.scheme == "ftp":
        return url, {}, []
    user, password, host = options["url_username"], options["url_password"], parts.netloc
    if not user and "@" in host:
        credentials, _, host = host.partition("@")
        user, _, password = (urllib.parse.unquote(part) for part in credentials.partition(":"))
        url = urllib.parse.urlunparse(parts._replace(netloc=host))
    if user and not options["force_basic_auth"]:
        manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        manager.add_password(None, host, user, password or "")
        basic = urllib.request.HTTPBasicAuthHandler(manager)
        return url, {}, [basic, urllib.request.HTTPDigestAuthHandler(manager)]
    if not user and options["use_netrc"]:
        with contextlib.suppress(OSError, netrc.NetrcParseError):
            entry = netrc.netrc(os.environ.get("NETRC")).authenticators(parts.hostname or "")
            user, _, password = entry or (None, None, None)
    if not user:
        return url, {}, []
    words = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
    return url, {"Authorization": f"Basic {words}"}, []


def save_body(response: Response, file: BinaryIO) -> None:
    """Write a response's content to a file."""
    try:
        shutil.copyfileobj(response.stream, file, 1 << 17)
    finally:
        response.stream.close()


@contextlib.contextmanager
def download_file(url: str, *, suffix: str = "") -> Iterator[str]:
    """Download a URL to a temporary file, which exists during the block. Raises ModuleError."""
    options = {name: entry.get("default") for name, entry in ARGUMENTS.items()}
    response, info = fetch(Request(url, options))
    if response is None or response.code >= 400:
        raise ModuleError(f"Failure downloading {mask_credentials(url)}, {info['msg']}")
    handle, path = temporary_files.make_file(suffix=suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            try:
                save_body(response, file)
            except (OSError, http.client.HTTPException) as error:
                raise ModuleError(f"Failure downloading {mask_credentials(url)}, {error}") from None
        yield path
    finally:
        os.unlink(path)
