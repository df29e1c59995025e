"""urllib's handlers that Ansible's url modules need: certificates, redirects by rule, Unix sockets."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Callable

ContextFactory = Callable[[], ssl.SSLContext]

#: Folders where distributions and operators put certificates, besides OpenSSL's default folder.
_MORE_AUTHORITIES = (
    "/etc/pki/ca-trust/extracted/pem",
    "/etc/pki/tls/certs",
    "/usr/share/ca-certificates/cacert.org",
    "/etc/ansible",
)


def make_tls_context(options: dict[str, Any], ca_path: str | None) -> ssl.SSLContext:
    """Make a TLS context; with `ca_path`, trust only its certificates."""
    context = ssl.create_default_context(cafile=ca_path)
    if not options["validate_certs"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif not ca_path:
        for folder in _MORE_AUTHORITIES:
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                if os.path.splitext(name)[1] in (".pem", ".cer", ".crt"):
                    _load_certificates(context, os.path.join(folder, name))
    if options["ciphers"]:
        context.set_ciphers(":".join(options["ciphers"]))
    if options["client_cert"]:
        context.post_handshake_auth = True
        context.load_cert_chain(options["client_cert"], keyfile=options["client_key"])
    return context


def _load_certificates(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError):
        # A file with such a suffix may have no certificates.
        return


class RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows redirects by `follow_redirects`: all, safe (only GET and HEAD), none, urllib2 (as urllib)."""

    if not hasattr(urllib.request.HTTPRedirectHandler, "http_error_308"):
        http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302

    def __init__(self, rule: str) -> None:
        self.rule = {"no": "none", "yes": "all"}.get(rule, rule)

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if self.rule == "urllib2":
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        method = req.get_method()
        if self.rule == "none":
            raise urllib.error.HTTPError(newurl, code, msg, headers, fp)
        if self.rule == "safe" and method not in ("GET", "HEAD"):
            raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp)
        data, headers_to_send = req.data, dict(req.headers)
        if code not in (307, 308):
            dropped = ("content-length", "content-type", "transfer-encoding")
            data, headers_to_send = (
                None,
                {name: value for name, value in headers_to_send.items() if name.lower() not in dropped},
            )
            if (code in (302, 303) and method != "HEAD") or (code == 301 and method == "POST"):
                method = "GET"
        return urllib.request.Request(
            newurl.replace(" ", "%20"),
            data=data,
            headers=headers_to_send,
            origin_req_host=req.origin_req_host,
            unverifiable=True,
            method=method.upper(),
        )


class SecureHandler(urllib.request.HTTPSHandler):
    """https; makes the TLS context when the first such URL is opened."""

    def __init__(self, make_context: ContextFactory) -> None:
        super().__init__()
        self.make_context = make_context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(http.client.HTTPSConnection, req, context=self.make_context())


class _UnixConnection(http.client.HTTPConnection):
    """A connection to a socket of this host instead of the URL's host; with a context, over TLS."""

    def __init__(self, path: str, tls_context: ssl.SSLContext | None, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self.path = path
        self.tls_context = tls_context

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.path)
        except OSError as error:
            self.sock.close()
            raise OSError(f"Invalid Socket File ({self.path}): {error}") from None
        if self.tls_context is not None:
            self.sock = self.tls_context.wrap_socket(self.sock, server_hostname=self.host)


class UnixHandler(urllib.request.HTTPSHandler):
    """http and https over a Unix socket."""

    handler_order = 400

    def __init__(self, path: str, make_context: ContextFactory) -> None:
        super().__init__()
        self.path = path
        self.make_context = make_context

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self._open_through_socket(req, None)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self._open_through_socket(req, self.make_context())

    http_request = urllib.request.AbstractHTTPHandler.do_request_

    def _open_through_socket(
        self, req: urllib.request.Request, tls_context: ssl.SSLContext | None
    ) -> http.client.HTTPResponse:
        def make_connection(host: str, **options: Any) -> _UnixConnection:
            return _UnixConnection(self.path, tls_context, host, **options)

        return self.do_open(make_connection, req)
