"""Device selectors: CEL expressions about one device (k8s.io/dynamic-resource-allocation/cel)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.scheduler.devices.cel_functions import build_functions, encode_quantity, encode_version
from kprov.kube.scheduler.devices.cel_rewriting import rewrite

#: Compiled expressions.
_CACHED: Final = 256


class SelectorError(Exception):
    """An expression cannot be compiled or evaluated. The message is upstream's up to the library's reason."""


class Selector:
    """A compiled expression."""

    def __init__(self, expression: str) -> None:
        """Raises SelectorError."""
        self._engine = _load_engine()
        try:
            self._program = self._engine.compile(rewrite(expression))
        except ValueError as error:
            raise SelectorError(f"CEL compile error: compilation failed: {error}") from None

    def matches(self, variables: JsonMapping) -> bool:
        """variables: see build_variables. Raises SelectorError."""
        try:
            self._engine.context.add_variable("device", variables)
            result = self._program.execute(self._engine.context)
        except KeyError as error:
            raise SelectorError(f"CEL runtime error: no such key: {error.args[0]}".replace("'", "")) from None
        except Exception as error:  # noqa: BLE001  the library raises many types
            raise SelectorError(f"CEL runtime error: {error}") from None
        if not isinstance(result, bool):
            kind = type(result).__name__
            raise SelectorError(
                f"CEL runtime error: CEL result of type {kind} could not be converted to bool"
            )
        return result


@lru_cache(maxsize=_CACHED)
def compile_selector(expression: str) -> Selector | SelectorError:
    """Errors are cached, too."""
    try:
        return Selector(expression)
    except SelectorError as error:
        return error


def build_variables(device: JsonMapping, driver: str) -> dict[str, Any]:
    """What ``device`` is in an expression. Names without a domain are the driver's. Raises SelectorError."""
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
    """The domain and the rest of a qualified name."""
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


class _Engine:
    """The library and the functions of expressions."""

    def __init__(self) -> None:
        # It is imported with the first expression: most clusters have none, and it brings many modules.
        import cel
        from cel import stdlib

        self.compile = cel.compile
        #: One for all evaluations, because it takes long to add the functions.
        self.context = cel.Context()
        stdlib.add_stdlib_to_context(self.context)
        for name, function in build_functions(cel.OptionalValue).items():
            self.context.add_function(name, function)


@lru_cache(maxsize=1)
def _load_engine() -> _Engine:
    return _Engine()
