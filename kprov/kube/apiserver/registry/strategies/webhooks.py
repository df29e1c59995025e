"""Webhook configurations: defaults and field rules. What calls webhooks is another matter.

Source: upstream pkg/apis/admissionregistration/v1/defaults.go, pkg/apis/admissionregistration/validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from kprov.kube.apiserver.registry.checks import (
    Errors,
    Object,
    each,
    label_selector,
    named,
    one_of,
    one_of_required,
)
from kprov.kube.apiserver.registry.strategies.generic import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError

_OPERATIONS: Final = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]
_SCOPES: Final = ["*", "Cluster", "Namespaced"]
FAILURES: Final = ["Fail", "Ignore"]
MATCHES: Final = ["Equivalent", "Exact"]
_REVIEWS: Final = {"v1", "v1beta1"}


def missing(owner: Object, **values: Any) -> None:
    """Set what is absent or null."""
    for name, value in values.items():
        if owner.get(name) is None:
            owner[name] = value


class WebhookConfigurationStrategy(ResourceStrategy):
    def default(self, obj: Object) -> None:
        for hook in obj.get("webhooks") or ():
            missing(
                hook,
                failurePolicy="Fail",
                matchPolicy="Equivalent",
                namespaceSelector={},
                objectSelector={},
                timeoutSeconds=10,
            )
            if self.resource.plural.startswith("mutating"):
                missing(hook, reinvocationPolicy="Never")
            for each_rule in hook.get("rules") or ():
                missing(each_rule, scope="*")
            service = (hook.get("clientConfig") or {}).get("service")
            if service:
                missing(service, port=443)

    def validate(self, obj: Object) -> list[FieldError]:
        return [*_webhooks(obj)]

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return [*_webhooks(obj)]


def _webhooks(obj: Object) -> Errors:
    seen: set[str] = set()
    for path, hook in each(obj.get("webhooks"), "webhooks"):
        yield from _webhook(hook, path)
        name = hook.get("name", "")
        if name in seen:
            yield field.duplicate(f"{path}.name", name)
        seen.add(name)


def _webhook(hook: Object, path: str) -> Errors:
    yield from _qualified(hook.get("name", ""), f"{path}.name")
    for where, each_rule in each(hook.get("rules"), f"{path}.rules"):
        yield from rule(each_rule, where)
    yield from one_of(hook["failurePolicy"], f"{path}.failurePolicy", FAILURES)
    yield from one_of(hook["matchPolicy"], f"{path}.matchPolicy", MATCHES)
    effects = hook.get("sideEffects")
    if effects is None:
        yield field.required(f"{path}.sideEffects", "must specify one of None, NoneOnDryRun")
    else:
        yield from one_of(effects, f"{path}.sideEffects", ["None", "NoneOnDryRun"])
    if not 1 <= hook["timeoutSeconds"] <= 30:
        text = "the timeout value must be between 1 and 30 seconds"
        yield field.invalid(f"{path}.timeoutSeconds", hook["timeoutSeconds"], text)
    yield from label_selector(hook["namespaceSelector"], f"{path}.namespaceSelector")
    yield from label_selector(hook["objectSelector"], f"{path}.objectSelector")
    if "reinvocationPolicy" in hook:
        policies = ["IfNeeded", "Never"]
        yield from one_of(hook["reinvocationPolicy"], f"{path}.reinvocationPolicy", policies)
    yield from _client(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    versions = hook.get("admissionReviewVersions") or []
    where = f"{path}.admissionReviewVersions"
    if not versions:
        yield field.required(where, "must specify one of v1, v1beta1")
    elif not _REVIEWS & set(versions):
        yield field.invalid(where, versions, "must include at least one of v1, v1beta1")


def _qualified(name: str, path: str) -> Errors:
    if not name:
        yield field.required(path)
        return
    yield from named(name, path, names.is_dns1123_subdomain)
    if name.count(".") < 2:
        text = "should be a domain with at least three segments separated by dots"
        yield field.invalid(path, name, text)


def _client(config: Object, path: str) -> Errors:
    url, service = config.get("url"), config.get("service")
    if (url is None) is (service is None):
        yield field.required(path, "exactly one of url or service is required")
    elif url is not None:
        yield from _url(url, f"{path}.url")
    elif service is not None:
        yield from _service(service, f"{path}.service")


def _url(url: str, path: str) -> Errors:
    form = "; desired format: https://host[/path]"
    parts = urlsplit(url)
    if parts.scheme != "https":
        yield field.invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{form}")
    if not parts.netloc:
        yield field.invalid(path, "", f"host must be specified{form}")
    for part, text in (
        (parts.username, "user information is not permitted in the URL"),
        (parts.fragment, "fragments are not permitted in the URL"),
        (parts.query, "query parameters are not permitted in the URL"),
    ):
        if part:
            yield field.invalid(path, part, text)


def _service(service: Object, path: str) -> Errors:
    for part, text in (("name", "service name is required"), ("namespace", "service namespace is required")):
        if not service.get(part):
            yield field.required(f"{path}.{part}", text)
    where = service.get("path")
    if where and not where.startswith("/"):
        yield field.invalid(f"{path}.path", where, "must start with a '/'")
    port = service["port"]
    if not 1 <= port <= 65535:
        text = "port is not valid: must be between 1 and 65535, inclusive"
        yield field.invalid(f"{path}.port", port, text)


def _alone(values: Sequence[str], path: str, what: str) -> Errors:
    if len(values) > 1 and "*" in values:
        text = f"if '*' is present, must not specify other {what}"
        yield field.invalid(path, list(values), text)


def rule(held: Object, path: str) -> Errors:
    """Operations, groups, versions, resources and scope that a webhook or a policy is for."""
    operations = held.get("operations") or []
    where = f"{path}.operations"
    if not operations:
        yield field.required(where)
    yield from _alone(operations, where, "operations")
    for place, operation in each(operations, where):
        yield from one_of_required(operation, place, _OPERATIONS)
    for part, what in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = held.get(part) or []
        if not values:
            yield field.required(f"{path}.{part}")
        yield from _alone(values, f"{path}.{part}", what)
        if part == "apiVersions":
            for place, value in each(values, f"{path}.{part}"):
                if not value:
                    yield field.required(place)
    yield from _resources(held.get("resources") or [], f"{path}.resources")
    yield from one_of(held["scope"], f"{path}.scope", _SCOPES)


def _resources(resources: Sequence[str], path: str) -> Errors:
    if not resources:
        yield field.required(path)
    whole, parts = set(), set()
    for place, resource in each(resources, path):
        name, slash, part = resource.partition("/")
        if not resource:
            yield field.required(place)
            continue
        if resource == "*/*" and len(resources) > 1:
            text = "if '*/*' is present, must not specify other resources"
            yield field.invalid(path, list(resources), text)
        if slash and name != "*" and f"{name}/*" in whole:
            text = f"if '{name}/*' is present, must not specify {resource}"
            yield field.invalid(place, resource, text)
        if slash and part != "*" and f"*/{part}" in parts:
            text = f"if '*/{part}' is present, must not specify {resource}"
            yield field.invalid(place, resource, text)
        if slash and part == "*":
            whole.add(resource)
        if slash and name == "*":
            parts.add(resource)
