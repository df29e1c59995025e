"""Device selectors: CEL expressions about one device (k8s.io/dynamic-resource-allocation/cel)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from kprov.kube.component_helpers.cel.environment import Environment
from kprov.kube.component_helpers.cel.errors import CompileError, EvaluationError
from kprov.kube.component_helpers.cel.functions.quantities import encode_quantity
from kprov.kube.component_helpers.cel.functions.versions import encode_version
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.scheduler.devices.cel_rewriting import rewrite

#: Compiled expressions.
_CACHED: Final = 256
_DEVICE: Final = "kubernetes.DRADevice"
_FIELDS: Final = {
    "driver": "string",
    "allowMultipleAllocations": "bool",
    "attributes": "dyn",
    "capacity": "dyn",
}


class SelectorError(Exception):
    """An expression cannot be compiled or evaluated. The message is upstream's up to the library's reason."""


class Selector:
    """A compiled expression."""

    def __init__(self, expression: str) -> None:
        """Compile the expression. Raise SelectorError."""
        environments = _load_environments()
        rewritten = rewrite(expression)
        try:
            kind = environments.typed.compile(rewritten).result_type
            if kind not in {"bool", "dyn"}:
                raise SelectorError(
                    f"CEL compile error: must evaluate to bool or the unknown type, not {kind}"
                )
            self._program = environments.dynamic.compile(rewritten)
        except CompileError as error:
            raise SelectorError(f"CEL compile error: compilation failed: {error}") from None
        self._environment = environments.dynamic

    def matches(self, variables: JsonMapping) -> bool:
        """Whether the device matches. `variables`: of build_variables. Raise SelectorError."""
        try:
            result = self._program.evaluate(self._environment.bind({"device": variables}))
        except EvaluationError as error:
            raise SelectorError(f"CEL runtime error: {error}") from None
        if not isinstance(result, bool):
            kind = type(result).__name__
            raise SelectorError(
                f"CEL runtime error: CEL result of type {kind} could not be converted to bool"
            )
        return result


@lru_cache(maxsize=_CACHED)
def compile_selector(expression: str) -> Selector | SelectorError:
    """Compile an expression. Errors are cached, too."""
    try:
        return Selector(expression)
    except SelectorError as error:
        return error


def build_variables(device: JsonMapping, driver: str) -> dict[str, Any]:
    """Build the variable `device`. Names without a domain get that of the driver. Raise SelectorError."""
    attributes: dict[str, dict[str, Any]] = {}
    for name, attribute in (device.get("attributes") or {}).items():
        domain, key = split_name(name, driver)
        attributes.setdefault(domain, {})[key] = _decode_attribute(name, attribute)
    capacity: dict[str, dict[str, Any]] = {}
    for name, amount in (device.get("capacity") or {}).items():
        domain, key = split_name(name, driver)
        capacity.setdefault(domain, {})[key] = encode_quantity(amount["value"])
    return {
        "driver": driver,
        "allowMultipleAllocations": bool(device.get("allowMultipleAllocations")),
        "attributes": attributes,
        "capacity": capacity,
    }


def split_name(name: str, driver: str) -> tuple[str, str]:
    """Return the domain and the rest of a qualified name."""
    domain, slash, key = name.partition("/")
    return (domain, key) if slash else (driver, name)


def _decode_attribute(name: str, attribute: JsonMapping) -> Any:
    for kind in ("int", "bool", "string"):
        if attribute.get(kind) is not None:
            return attribute[kind]
    if attribute.get("version") is None:
        raise SelectorError(f"CEL runtime error: attribute {name}: unsupported attribute value")
    try:
        return encode_version(attribute["version"])
    except ValueError as error:
        raise SelectorError(f"CEL runtime error: attribute {name}: parse semantic version: {error}") from None


class _Environments(NamedTuple):
    """`typed` checks the fields of the device in an expression.

    `dynamic` evaluates it, with a map as the device.
    """

    typed: Environment
    dynamic: Environment


@lru_cache(maxsize=1)
def _load_environments() -> _Environments:
    return _Environments(Environment({"device": _DEVICE}, {_DEVICE: _FIELDS}), Environment({"device": "dyn"}))
