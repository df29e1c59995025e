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

Secure = Callable[[], ssl.SSLContext]

#: Where distributions and operators put certificates besides OpenSSL's own place.
_MORE_AUTHORITIES = (
    "/etc/pki/ca-trust/extracted/pem",
    "/etc/pki/tls/certs",
    "/usr/share/ca-certificates/cacert.org",
    "/etc/ansible",
)


def make_tls_context(options: dict[str, Any], ca_path: str | None) -> ssl.SSLContext:
    """How TLS is to be spoken; with `ca_path` its certificates are the only ones trusted."""
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
        # Not every file with such a name has certificates.
        return


class RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows as `follow_redirects` says: all, safe (GET and HEAD only), none, urllib2 (as Python does)."""

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
        data, kept = req.data, dict(req.headers)
        if code not in (307, 308):
            dropped = ("content-length", "content-type", "transfer-encoding")
            data, kept = None, {name: value for name, value in kept.items() if name.lower() not in dropped}
            if (code in (302, 303) and method != "HEAD") or (code == 301 and method == "POST"):
                method = "GET"
        return urllib.request.Request(
            newurl.replace(" ", "%20"),
            data=data,
            headers=kept,
            origin_req_host=req.origin_req_host,
            unverifiable=True,
            method=method.upper(),
        )


class SecureHandler(urllib.request.HTTPSHandler):
    """https; certificates are read when the first such URL is opened."""

    def __init__(self, secure: Secure) -> None:
        super().__init__()
        self.secure = secure

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(http.client.HTTPSConnection, req, context=self.secure())


class _UnixConnection(http.client.HTTPConnection):
    """To a socket of this host instead of the URL's host; over TLS where a context is given."""

    def __init__(self, path: str, secure: ssl.SSLContext | None, host: str, **more: Any) -> None:
        super().__init__(host, **more)
        self.path = path
        self.secure = secure

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.path)
        except OSError as error:
            self.sock.close()
            raise OSError(f"Invalid Socket File ({self.path}): {error}") from None
        if self.secure is not None:
            self.sock = self.secure.wrap_socket(self.sock, server_hostname=self.host)


class UnixHandler(urllib.request.HTTPSHandler):
    """http and https over a Unix socket."""

    handler_order = 400

    def __init__(self, path: str, secure: Secure) -> None:
        super().__init__()
        self.path = path
        self.secure = secure

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self._through(req, None)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self._through(req, self.secure())

    http_request = urllib.request.AbstractHTTPHandler.do_request_

    def _through(
        self, req: urllib.request.Request, secure: ssl.SSLContext | None
    ) -> http.client.HTTPResponse:
        def connection(host: str, **more: Any) -> _UnixConnection:
            return _UnixConnection(self.path, secure, host, **more)

        return self.do_open(connection, req)
