"""What the rules of device claims, allocations and slices share: limited lists, names, parameters, taints.

Source: upstream pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import Errors, each, named
from kprov.kube.apiserver.registry.podspec.volumes import csi_driver_name
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

Rule = Callable[[Any, str], Errors]

REQUESTS_MAX: Final = 32
_IDENTIFIER_MAX: Final = 32
_KEY_SHOWN_MIN: Final = 16
_PARAMETERS_MAX: Final = 10 * 1024
_CONDITIONS_MAX: Final = 4
_EFFECTS: Final = ["NoExecute", "NoSchedule", "None"]
_HEX: Final = "[0-9a-fA-F]"
_UUID: Final = re.compile(f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}")
_UUID_LENGTH, _UUID_BARE = 36, 32
_NORMAL_UUID: Final = (
    "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase "
    "hexadecimal characters"
)
_OMITTED: Final = "<value omitted>"


def limited(items: Sequence[Any] | None, path: str, limit: int, rule: Rule) -> Errors:
    """A list; of one that is too long nothing else is told."""
    if items is not None and len(items) > limit:
        yield field.too_many(path, len(items), limit)
        return
    for where, item in each(items, path):
        yield from rule(item, where)


def distinct(
    items: Sequence[Any] | None,
    path: str,
    limit: int | None,
    rule: Rule,
    key: Callable[[Any], Hashable] = lambda item: item,
) -> Errors:
    """The same of a list whose keys differ. limit None: of any length."""
    yield from limited(items, path, len(items or ()) if limit is None else limit, rule)
    if limit is not None and len(items or ()) > limit:
        return
    seen: set[Hashable] = set()
    for where, item in each(items, path):
        known = key(item)
        if known in seen:
            yield field.duplicate(where, known)
        seen.add(known)


def entries(
    values: Mapping[str, Any] | None,
    path: str,
    limit: int | None,
    shown: int,
    key: Rule,
    rule: Rule | None = None,
) -> Errors:
    """A map. shown: bytes of a key in the path of what is wrong with its value."""
    if limit is not None and len(values or ()) > limit:
        yield field.too_many(path, len(values or ()), limit)
        return
    for name, value in (values or {}).items():
        yield from key(name, path)
        if rule is not None:
            yield from rule(value, f"{path}[{_cut(name, shown)}]")


def _cut(text: str, limit: int) -> str:
    """Without its middle where it is too long."""
    limit = max(limit, _KEY_SHOWN_MIN)
    held = text.encode()
    if len(held) <= limit:
        return text
    rest = limit - 3
    return (held[: (rest + 1) // 2] + b"..." + held[len(held) - rest // 2 :]).decode(errors="replace")


def label(name: str, path: str) -> Errors:
    yield from named(name, path, names.is_dns1123_label)


def label_key(name: str, path: str) -> Errors:
    yield from named(name, path, names.is_qualified_name)


def label_or_missing(name: str, path: str) -> Errors:
    if name:
        yield from label(name, path)
    else:
        yield field.required(path)


def pool_name(name: str, path: str) -> Errors:
    """Subdomains with slashes between them."""
    if not name:
        yield field.required(path)
        return
    if len(name.encode()) > names.SUBDOMAIN_MAX:
        yield field.too_long(path, names.SUBDOMAIN_MAX)
    for part in name.split("/"):
        yield from named(part, path, names.is_dns1123_subdomain)


def uid(value: str, path: str) -> Errors:
    problem = _uuid_problem(value)
    if problem:
        yield field.invalid(path, value, f"error validating uid: {problem}")
    elif len(value) != _UUID_LENGTH or value != value.lower():
        yield field.invalid(path, value, _NORMAL_UUID)


def _uuid_problem(text: str) -> str:
    """Of the forms that are read: plain, as a URN, in braces, without hyphens."""
    length = len(text.encode())
    if length == _UUID_LENGTH + len("urn:uuid:"):
        if text[:9].lower() != "urn:uuid:":
            return f"invalid urn prefix: {field.shown(text[:9])}"
        text = text[9:]
    elif length == _UUID_LENGTH + 2:
        if text[0] != "{" or text[-1] != "}":
            return "invalid bracketed UUID format"
        text = text[1:-1]
    elif length == _UUID_BARE:
        return "" if re.fullmatch(f"{_HEX}{{32}}", text) else "invalid UUID format"
    elif length != _UUID_LENGTH:
        return f"invalid UUID length: {length}"
    return "" if _UUID.fullmatch(text) else "invalid UUID format"


def qualified_name(name: str, path: str) -> Errors:
    """An identifier, with a driver's domain before it or without; more than one slash is let be."""
    parts = name.split("/")
    if len(parts) == 1:
        yield from _identifier(name, path)
    elif len(parts) == 2:
        domain, identifier = parts
        if domain:
            yield from csi_driver_name(domain, path)
        else:
            yield field.invalid(path, "", "the domain must not be empty")
        if identifier:
            yield from _identifier(identifier, path)
        else:
            yield field.invalid(path, "", "the name must not be empty")


def fully_qualified_name(name: str, path: str) -> Errors:
    yield from qualified_name(name, path)
    if "/" not in name:
        text = "a fully qualified name must be a domain and a name separated by a slash"
        yield field.invalid(path, name, text)


def _identifier(name: str, path: str) -> Errors:
    if len(name.encode()) > _IDENTIFIER_MAX:
        yield field.too_long(path, _IDENTIFIER_MAX)
    yield from named(name, path, names.is_c_identifier)


def configuration(config: JsonObject, path: str, *, stored: bool = False) -> Errors:
    """Parameters for a driver. stored: the object has had them before."""
    opaque = config.get("opaque")
    if opaque is None:
        yield field.required(f"{path}.opaque")
        return
    yield from csi_driver_name(opaque.get("driver", ""), f"{path}.opaque.driver")
    limit = None if stored else _PARAMETERS_MAX
    yield from raw_object(opaque.get("parameters"), f"{path}.opaque.parameters", limit)


def raw_object(value: Any, path: str, limit: int | None = _PARAMETERS_MAX) -> Errors:
    """Any JSON object, of so many bytes at most."""
    if value is None:
        yield field.required(path)
    elif limit is not None and _bytes(value) > limit:
        yield field.too_long(path, limit)
    elif not isinstance(value, dict):
        yield field.invalid(path, _OMITTED, "must be a valid JSON object")


def _bytes(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def taint(value: JsonObject, path: str) -> Errors:
    yield from label_key(value.get("key", ""), f"{path}.key")
    if value.get("value"):
        yield from named(value["value"], f"{path}.value", names.is_label_value)
    effect = value.get("effect", "")
    if not effect:
        yield field.required(f"{path}.effect")
    elif effect not in _EFFECTS:
        yield field.not_supported(f"{path}.effect", effect, _EFFECTS)


def toleration(value: JsonObject, path: str) -> Errors:
    if value.get("key"):
        yield from label_key(value["key"], f"{path}.key")
    operator, compared = value.get("operator", ""), value.get("value", "")
    if operator == "Exists":
        if compared:
            yield field.invalid(f"{path}.value", compared, "must be empty for operator `Exists`")
    elif operator == "Equal":
        yield from named(compared, f"{path}.value", names.is_label_value)
    else:
        yield field.not_supported(f"{path}.operator", operator, ["Equal", "Exists"])
    effect = value.get("effect", "")
    if effect and effect not in _EFFECTS:
        yield field.not_supported(f"{path}.effect", effect, _EFFECTS)


def binding_conditions(owner: JsonObject, path: str) -> Errors:
    """What has to be true before a pod is bound, and what says that it never will be."""
    wanted, failing = owner.get("bindingConditions") or [], owner.get("bindingFailureConditions") or []
    places = f"{path}.bindingConditions", f"{path}.bindingFailureConditions"
    for given, where in zip((wanted, failing), places, strict=True):
        yield from limited(given, where, _CONDITIONS_MAX, label_key)
    yield from _repeated(wanted, places[0], ())
    yield from _repeated(failing, places[1], wanted)
    if failing and not wanted:
        text = "bindingConditions are required to use bindingFailureConditions"
        yield field.invalid(places[0], owner.get("bindingConditions"), text)
    if wanted and not failing:
        text = "bindingFailureConditions are required to use bindingConditions"
        yield field.invalid(places[1], owner.get("bindingFailureConditions"), text)


def _repeated(conditions: Iterable[str], path: str, others: Sequence[str]) -> Errors:
    seen: set[str] = set()
    for where, condition in each(conditions, path):
        if condition in seen:
            yield field.duplicate(where, condition)
        seen.add(condition)
        if condition in others:
            text = "bindingFailureConditions must not overlap with bindingConditions"
            yield field.invalid(where, condition, text)
