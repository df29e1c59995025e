"""An object that a schema accepts: the required fields, with the simplest values."""

from __future__ import annotations

from typing import Any, Final

JsonObject = dict[str, Any]

_TEXTS: Final = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "duration": "1h",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "byte": "YQ==",
}
#: Tried for a pattern, in this order.
_WORDS: Final = (
    "example",
    "a.example.com",
    "/example",
    "10s",
    "1Gi",
    "Example",
    "example/example",
    "1",
    "a:b",
)


def make_sample(definition: JsonObject, version: JsonObject, name: str) -> JsonObject:
    """Make an object of a version of a definition."""
    schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    made: JsonObject = _make_object(schema)
    properties = schema.get("properties") or {}
    if "spec" in properties and "spec" not in made:
        made["spec"] = _make(properties["spec"])
    made.pop("status", None)
    return made | {
        "apiVersion": f"{definition['spec']['group']}/{version['name']}",
        "kind": definition["spec"]["names"]["kind"],
        "metadata": {"name": name},
    }


def _make(schema: JsonObject) -> Any:
    if schema.get("default") is not None:
        return schema["default"]
    if schema.get("enum"):
        return next((value for value in schema["enum"] if value != ""), schema["enum"][0])
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        return 1
    if kind == "object" or (kind is None and "properties" in schema):
        return _make_object(schema)
    if kind == "array":
        count = schema.get("minItems") or 0
        return [_make(schema.get("items") or {}) for _ in range(count)]
    if kind == "string":
        return _make_text(schema)
    if kind in {"integer", "number"}:
        return max(schema.get("minimum") or 0, min(1, schema.get("maximum", 1)))
    if kind == "boolean":
        return False
    return {}


def _make_object(schema: JsonObject) -> JsonObject:
    properties = schema.get("properties") or {}
    names = list(schema.get("required") or ())
    for branches in (schema.get("oneOf"), schema.get("anyOf")):
        names += (branches or [{}])[0].get("required") or ()
    if len(names) < (schema.get("minProperties") or 0):
        names += [name for name in properties if name not in names]
        names = names[: schema["minProperties"]]
    return {name: _make(properties.get(name) or {}) for name in names}


def _make_text(schema: JsonObject) -> str:
    import re2

    if schema.get("format") in _TEXTS:
        return _TEXTS[schema["format"]]
    pattern = schema.get("pattern")
    shortest, longest = schema.get("minLength") or 0, schema.get("maxLength", 1 << 20)
    for word in _WORDS:
        text = (word if len(word) >= shortest else word * (shortest // len(word) + 1))[:longest]
        if pattern is None or re2.search(pattern, text) is not None:
            return text
    return "example"
