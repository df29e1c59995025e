"""The address of a webhook: a URL or a service.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject


def validate_client_config(config: JsonObject, path: str) -> Errors:
    url, service = config.get("url"), config.get("service")
    if (url is None) is (service is None):
        yield field.required(path, "exactly one of url or service is required")
    elif url is not None:
        yield from _validate_url(url, f"{path}.url")
    elif service is not None:
        yield from _validate_service(service, f"{path}.service")


def _validate_url(url: str, path: str) -> Errors:
    form = "; desired format: https://host[/path]"
    parts = urlsplit(url)
    if parts.scheme != "https":
        yield field.invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{form}")
    if not parts.netloc.rpartition("@")[2]:
        yield field.invalid(path, "", f"host must be specified{form}")
    for part, text in (
        (parts.netloc.rpartition("@")[0], "user information is not permitted in the URL"),
        (parts.fragment, "fragments are not permitted in the URL"),
        (parts.query, "query parameters are not permitted in the URL"),
    ):
        if part:
            yield field.invalid(path, part, text)


def _validate_service(service: JsonObject, path: str) -> Errors:
    # As upstream, which exchanges the paths of both fields.
    for part, other in (("name", "namespace"), ("namespace", "name")):
        if not service.get(other):
            yield field.required(f"{path}.{part}")
    port = service["port"]
    if not 1 <= port <= 65535:
        text = "port is not valid: must be between 1 and 65535, inclusive"
        yield field.invalid(f"{path}.port", port, text)
    where = service.get("path") or "/"
    if where != "/":
        yield from _validate_url_path(where, f"{path}.path")


def _validate_url_path(text: str, path: str) -> Errors:
    if text == "//":
        yield field.invalid(path, text, "segment[0] may not be empty")
        return
    if not text.startswith("/"):
        yield field.invalid(path, text, "must start with a '/'")
    for index, step in enumerate(text[1:].removesuffix("/").split("/")):
        for wrong in (
            [f": {fault}" for fault in names.is_dns1123_subdomain(step)] if step else [" may not be empty"]
        ):
            yield field.invalid(path, text, f"segment[{index}]{wrong}")
