# To run a command and to open a URL is what these lookups are.
# ruff: noqa: S602, S310
"""Lookups of the operator's machine and of the inventory: env, pipe, lines, url, vars and names."""

from __future__ import annotations

import base64
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from kprov.errors import InputError
from kprov.inventory.model import Group, Host, Inventory
from kprov.inventory.patterns import match
from kprov.playbook.filters.choices import boolean
from kprov.playbook.filters.values import FilterError, named
from kprov.playbook.lookups.search import base, options
from kprov.playbook.scope import Scope
from kprov.playbook.undefined import Marker


def _env(_scope: Scope, terms: list[Any], **given: Any) -> list[Any]:
    default = options(given, {"default": ""}, "env")["default"]
    found = []
    for term in terms:
        name = str(term).split()[0]
        value = os.environ.get(name, default)
        found.append(
            Marker(f"The environment variable {name!r} is not set.") if isinstance(value, Marker) else value
        )
    return found


def _output(scope: Scope, command: Any, lookup: str) -> str:
    done = subprocess.run(
        str(command),
        shell=True,
        check=False,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=base(scope),
    )
    if done.returncode:
        raise FilterError(f"lookup_plugin.{lookup}({command}) returned {done.returncode}")
    return done.stdout.decode("utf-8", "surrogateescape")


def _pipe(scope: Scope, terms: list[Any]) -> list[Any]:
    return [_output(scope, term, "pipe").rstrip() for term in terms]


def _lines(scope: Scope, terms: list[Any]) -> list[Any]:
    return [line for term in terms for line in _output(scope, term, "lines").splitlines()]


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


def _url(_scope: Scope, terms: list[Any], **given: Any) -> list[Any]:
    asked = options(given, _URL, "url")
    secure = ssl.create_default_context(cafile=asked["ca_path"])
    if not boolean(asked["validate_certs"]):
        secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
    handlers: list[Any] = [urllib.request.HTTPSHandler(context=secure)]
    if not boolean(asked["use_proxy"]):
        handlers.append(urllib.request.ProxyHandler({}))
    if asked["follow_redirects"] in ("none", "no", False):
        handlers.append(_NoRedirect())
    headers = {"User-Agent": asked["http_agent"], **asked["headers"]}
    if asked["username"]:
        pair = f"{asked['username']}:{asked['password'] or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    found: list[Any] = []
    for term in terms:
        try:
            request = urllib.request.Request(str(term), headers=headers)
            with urllib.request.build_opener(*handlers).open(
                request, timeout=float(asked["timeout"])
            ) as answer:
                text = answer.read().decode("utf-8", "surrogateescape")
        except urllib.error.HTTPError as error:
            error.close()
            raise FilterError(f"Received HTTP error for {term}: {error.code} {error.reason}") from None
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise FilterError(f"Failed lookup url for {term}: {error}") from None
        found += text.splitlines() if boolean(asked["split_lines"]) else [text]
    return found


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def _vars(scope: Scope, terms: list[Any], **given: Any) -> list[Any]:
    default = options(given, {"default": None}, "vars")["default"]
    found = []
    for term in terms:
        if not isinstance(term, str):
            raise FilterError(f"Variable name must be 'str' not {named(term)!r}.")
        try:
            value = scope[term]
        except KeyError:
            value = Marker(f"No variable named {term!r} was found.") if default is None else default
        found.append(value)
    return found


def _varnames(scope: Scope, terms: list[Any]) -> list[Any]:
    names = list(scope)
    found: list[Any] = []
    for term in terms:
        if not isinstance(term, str):
            raise FilterError(f"Invalid setting identifier, {term!r} is not a string, it is a {named(term)}")
        wanted = re.compile(term)
        found += [name for name in names if wanted.search(name)]
    return found


def _inventory_hostnames(scope: Scope, terms: list[Any]) -> list[Any]:
    inventory = Inventory(path=base(scope))
    for name, hosts in scope["groups"].items():
        group = inventory.groups.setdefault(name, Group(name))
        for host in hosts:
            inventory.hosts.setdefault(host, Host(host))
            group.hosts.append(host)
    try:
        return list(match(inventory, [str(term) for term in terms]))
    except InputError:
        return []


LOOKUPS: dict[str, Callable[..., list[Any]]] = {
    "env": _env,
    "pipe": _pipe,
    "lines": _lines,
    "url": _url,
    "vars": _vars,
    "varnames": _varnames,
    "inventory_hostnames": _inventory_hostnames,
}
