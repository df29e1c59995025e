"""Users that a front proxy has authenticated and names in headers; the proxy has a client certificate."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from kprov.kube.apiserver.authn.certificates import SAID, Shown, follow_file
from kprov.kube.apiserver.request import UserInfo
from kprov.kube.machinery import status


class FrontProxyAuthenticator:
    """Configured by the flags --requestheader-*: the authority, allowed names, and the headers."""

    def __init__(self, options: Namespace) -> None:
        self._proxies = follow_file(options.requestheader_client_ca_file)
        self._names = frozenset(options.requestheader_allowed_names)
        self._user_headers = options.requestheader_username_headers
        self._uid_headers = options.requestheader_uid_headers
        self._group_headers = options.requestheader_group_headers
        self._extra_prefixes = [prefix.lower() for prefix in options.requestheader_extra_headers_prefix]

    def reload_if_changed(self) -> None:
        """See CertificateAuthenticator."""
        self._proxies.reload_if_changed()

    def trusts(self, shown: Shown) -> bool:
        """Whether the certificate has a valid chain to the front proxies' authority."""
        return not self._proxies.is_rejected(shown)

    def authenticate(self, headers: Mapping[str, str], shown: Shown) -> UserInfo | None:
        """Return the user in the headers; None without a user or for a certificate that is not a proxy's."""
        name = next((headers[header] for header in self._user_headers if headers.get(header)), "")
        if not name:
            return None
        proxy = self._proxies.authenticate(shown)
        if proxy is None:
            return None
        if self._names and proxy.name not in self._names:
            raise status.unauthorized()
        groups = [value for header in self._group_headers for value in _list_values(headers, header)]
        if SAID.isdisjoint(groups) and name != "system:anonymous":
            groups.append("system:authenticated")
        extra: dict[str, tuple[str, ...]] = {}
        for header, value in headers.items():
            for prefix in self._extra_prefixes:
                if header.lower().startswith(prefix):
                    key = unquote(header.lower()[len(prefix) :])
                    extra[key] = (*extra.get(key, ()), value)
        uid = next((headers[header] for header in self._uid_headers if headers.get(header)), "")
        return UserInfo(name=name, groups=tuple(groups), uid=uid, extra=extra)


def _list_values(headers: Mapping[str, str], name: str) -> list[str]:
    """All values of a header; a plain mapping has one."""
    many: Any = headers
    return (
        list(many.getall(name, [])) if hasattr(many, "getall") else [headers[name]] if name in headers else []
    )
