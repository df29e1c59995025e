"""Webhook configurations: defaults and field rules. What calls webhooks is another matter.

Source: upstream pkg/apis/admissionregistration/v1/defaults.go, pkg/apis/admissionregistration/validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each, label_selector, named, one_of
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_OPERATIONS: Final = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]
_SCOPES: Final = ["*", "Cluster", "Namespaced"]
FAILURES: Final = ["Fail", "Ignore"]
MATCHES: Final = ["Equivalent", "Exact"]
_NO_EFFECTS: Final = ["None", "NoneOnDryRun"]
_SELECTORS: Final = ("namespaceSelector", "objectSelector")
_REVIEWS: Final = {"v1", "v1beta1"}
_CONDITIONS_MAX: Final = 64


def missing(owner: JsonObject, **values: Any) -> None:
    """Set what is absent or null."""
    for name, value in values.items():
        if owner.get(name) is None:
            owner[name] = value


class WebhookConfigurationStrategy(ResourceStrategy):
    has_generation = True
    allow_unconditional_update = False

    def missing_feature(self, obj: JsonObject) -> str:
        return "admission webhooks"

    def default(self, obj: JsonObject) -> None:
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

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*_webhooks(obj, _Leave())]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*_webhooks(obj, _leave(obj.get("webhooks") or [], old.get("webhooks") or []))]


@dataclass(frozen=True, slots=True)
class _Leave:
    """Rules that an update need not keep, since the old object did not either."""

    side_effects: bool = False
    unknown_versions: bool = False
    same_names: bool = False
    label_values: bool = False
    #: Nothing was changed of the conditions.
    conditions: bool = False


def _leave(new: Sequence[JsonObject], old: Sequence[JsonObject]) -> _Leave:
    known = [hook.get("name", "") for hook in old]
    return _Leave(
        side_effects=any(hook.get("sideEffects") not in _NO_EFFECTS for hook in old),
        unknown_versions=any(
            hook.get("admissionReviewVersions") and not _REVIEWS & set(hook["admissionReviewVersions"])
            for hook in old
        ),
        same_names=len(known) > len(set(known)),
        label_values=any(checks.is_wrong(hook.get(part)) for hook in old for part in _SELECTORS),
        conditions=len(new) == len(old)
        and all(
            hook.get("matchConditions") == before.get("matchConditions")
            for hook, before in zip(new, old, strict=True)
        ),
    )


def _webhooks(obj: JsonObject, leave: _Leave) -> Errors:
    seen: set[str] = set()
    for path, hook in each(obj.get("webhooks"), "webhooks"):
        yield from _webhook(hook, path, leave)
        name = hook.get("name", "")
        if name and name in seen and not leave.same_names:
            yield field.duplicate(f"{path}.name", name)
        seen.add(name)


def _webhook(hook: JsonObject, path: str, leave: _Leave) -> Errors:
    yield from _qualified(hook.get("name", ""), f"{path}.name")
    for where, each_rule in each(hook.get("rules"), f"{path}.rules"):
        yield from rule(each_rule, where)
    yield from one_of(hook["failurePolicy"], f"{path}.failurePolicy", FAILURES)
    yield from one_of(hook["matchPolicy"], f"{path}.matchPolicy", MATCHES)
    supported = [*_NO_EFFECTS, "Some", "Unknown"] if leave.side_effects else _NO_EFFECTS
    if hook.get("sideEffects") is None:
        yield field.required(f"{path}.sideEffects", f"must specify one of {', '.join(supported)}")
    yield from one_of(hook.get("sideEffects"), f"{path}.sideEffects", supported)
    if not 1 <= hook["timeoutSeconds"] <= 30:
        text = "the timeout value must be between 1 and 30 seconds"
        yield field.invalid(f"{path}.timeoutSeconds", hook["timeoutSeconds"], text)
    for part in _SELECTORS:
        yield from label_selector(hook[part], f"{path}.{part}", any_values=leave.label_values)
    if "reinvocationPolicy" in hook:
        policies = ["IfNeeded", "Never"]
        yield from one_of(hook["reinvocationPolicy"], f"{path}.reinvocationPolicy", policies)
    yield from _client(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    if not leave.conditions:
        yield from match_conditions(hook.get("matchConditions"), f"{path}.matchConditions")
    versions = hook.get("admissionReviewVersions") or []
    where = f"{path}.admissionReviewVersions"
    yield from _review_versions(versions, where, is_any=leave.unknown_versions)


def _review_versions(versions: Sequence[str], path: str, *, is_any: bool) -> Errors:
    if not versions:
        yield field.required(path, "must specify one of v1, v1beta1")
        return
    seen: set[str] = set()
    for where, version in each(versions, path):
        if version in seen:
            yield field.invalid(where, version, "duplicate version")
            continue
        seen.add(version)
        yield from named(version, where, names.is_dns1035_label)
    if not is_any and not _REVIEWS & seen:
        yield field.invalid(path, versions, "must include at least one of v1, v1beta1")


def match_conditions(conditions: Sequence[JsonObject] | None, path: str) -> Errors:
    """Names and that there are expressions; those are not compiled."""
    if len(conditions or ()) > _CONDITIONS_MAX:
        yield field.too_many(path, len(conditions or ()), _CONDITIONS_MAX)
    seen: set[str] = set()
    for where, condition in each(conditions, path):
        if not condition.get("expression", "").strip():
            yield field.required(f"{where}.expression")
        yield from checks.needed(condition, where, "name", names.is_qualified_name)
        name = condition.get("name")
        if name and name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name or "")


def _qualified(name: str, path: str) -> Errors:
    if not name:
        yield field.required(path)
        return
    wrong = names.is_dns1123_subdomain(name)
    if wrong:
        yield field.invalid(path, name, ",".join(wrong))
    elif name.count(".") < 2:
        text = "should be a domain with at least three segments separated by dots"
        yield field.invalid(path, name, text)


def _client(config: JsonObject, path: str) -> Errors:
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
    if not parts.netloc.rpartition("@")[2]:
        yield field.invalid(path, "", f"host must be specified{form}")
    for part, text in (
        (parts.netloc.rpartition("@")[0], "user information is not permitted in the URL"),
        (parts.fragment, "fragments are not permitted in the URL"),
        (parts.query, "query parameters are not permitted in the URL"),
    ):
        if part:
            yield field.invalid(path, part, text)


def _service(service: JsonObject, path: str) -> Errors:
    # Upstream hands over one for the other.
    for part, other in (("name", "namespace"), ("namespace", "name")):
        if not service.get(other):
            yield field.required(f"{path}.{part}")
    port = service["port"]
    if not 1 <= port <= 65535:
        text = "port is not valid: must be between 1 and 65535, inclusive"
        yield field.invalid(f"{path}.port", port, text)
    where = service.get("path") or "/"
    if where != "/":
        yield from _url_path(where, f"{path}.path")


def _url_path(text: str, path: str) -> Errors:
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


def _alone(values: Sequence[str], path: str, what: str) -> Errors:
    if len(values) > 1 and "*" in values:
        text = f"if '*' is present, must not specify other {what}"
        yield field.invalid(path, list(values), text)


def rule(held: JsonObject, path: str) -> Errors:
    """Operations, groups, versions, resources and scope that a webhook or a policy is for."""
    operations = held.get("operations") or []
    where = f"{path}.operations"
    if not operations:
        yield field.required(where)
    yield from _alone(operations, where, "operations")
    for place, operation in each(operations, where):
        yield from one_of(operation, place, _OPERATIONS)
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
    whole: set[str] = set()
    parts: set[str] = set()
    has_plain = False
    for place, resource in each(resources, path):
        name, slash, part = resource.partition("/")
        if not resource:
            yield field.required(place)
            continue
        if not slash:
            # Upstream remembers the last one only.
            has_plain = resource != "*"
            continue
        if name in whole:
            text = f"if '{name}/*' is present, must not specify {resource}"
            yield field.invalid(place, resource, text)
        if part in parts:
            text = f"if '*/{part}' is present, must not specify {resource}"
            yield field.invalid(place, resource, text)
        if part == "*":
            whole.add(name)
        if name == "*":
            parts.add(part)
    if len(resources) > 1 and "*/*" in resources:
        text = "if '*/*' is present, must not specify other resources"
        yield field.invalid(path, list(resources), text)
    if "*" in resources and has_plain:
        text = "if '*' is present, must not specify other resources without subresources"
        yield field.invalid(path, list(resources), text)
