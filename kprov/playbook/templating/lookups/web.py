# This lookup opens URLs.
# ruff: noqa: S310
"""The url lookup."""

from __future__ import annotations

import base64
import ssl
import urllib.error
import urllib.request
from typing import Any

from kprov.playbook.templating.filters.choices import boolean
from kprov.playbook.templating.lookups.search import check_options
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.values import FilterError

_URL: dict[str, Any] = {
    "validate_certs": True,
    "split_lines": True,
    "use_proxy": True,
    "username": None,
    "password": None,
    "headers": {},
    "force": False,
    "timeout": 10,
    "http_agent": "ansible-httpget",
    "force_basic_auth": False,
    "follow_redirects": "urllib2",
    "ca_path": None,
}


def url(_scope: Scope, terms: list[Any], **keywords: Any) -> list[Any]:
    options = check_options(keywords, _URL, "url")
    secure = ssl.create_default_context(cafile=options["ca_path"])
    if not boolean(options["validate_certs"]):
        secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
    handlers: list[Any] = [urllib.request.HTTPSHandler(context=secure)]
    if not boolean(options["use_proxy"]):
        handlers.append(urllib.request.ProxyHandler({}))
    if options["follow_redirects"] in ("none", "no", False):
        handlers.append(_NoRedirect())
    headers = {"User-Agent": options["http_agent"], **options["headers"]}
    if options["username"]:
        pair = f"{options['username']}:{options['password'] or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    contents: list[Any] = []
    for term in terms:
        try:
            request = urllib.request.Request(str(term), headers=headers)
            with urllib.request.build_opener(*handlers).open(
                request, timeout=float(options["timeout"])
            ) as answer:
                text = answer.read().decode("utf-8", "surrogateescape")
        except urllib.error.HTTPError as error:
            error.close()
            raise FilterError(f"Received HTTP error for {term}: {error.code} {error.reason}") from None
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise FilterError(f"Failed lookup url for {term}: {error}") from None
        contents += text.splitlines() if boolean(options["split_lines"]) else [text]
    return contents


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None
