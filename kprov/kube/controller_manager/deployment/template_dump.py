"""Pod templates as Go's dump package prints them. Upstream hashes this text to name replica sets.

Fields, their order and their types come from upstream's API types (machinery/upstream).
Source: k8s.io/utils/dump for the form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from kprov.kube.machinery import quantity
from kprov.kube.machinery.upstream import api_types
from kprov.kube.machinery.upstream.api_types import GoField

POD_TEMPLATE: Final = "api.core.v1.PodTemplateSpec"
_QUANTITY: Final = "apimachinery.pkg.api.resource.Quantity"
_NIL: Final = "<nil>"
_ZEROS: Final = {"string": "", "int32": "0", "int64": "0", "bool": "false"}
_ZERO_TIME: Final = "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}"
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def dump(template: Mapping[str, Any]) -> str:
    """Return the text of `%#v` with sorted maps and without addresses, its type in front.

    The template is as an API server sends it: canonical quantities, defaults filled in.
    """
    return f"({api_types.print_name(POD_TEMPLATE)}){_show(template, POD_TEMPLATE)}"


@cache
def _show_type(go_type: str) -> Callable[[Any], str]:
    """Return the function that shows values of a type."""
    if go_type.startswith("*"):
        show_target = _show_type(go_type[1:])
        return lambda value: _NIL if value is None else show_target(value)
    if go_type.startswith("[]"):
        return lambda value: _list(value, go_type[2:])
    if go_type.startswith("map["):
        return lambda value: _map(value, api_types.split_map(go_type)[1])
    if go_type in _CUSTOM:
        return _CUSTOM[go_type]
    if not api_types.is_named(go_type):
        return lambda value: _ZEROS[go_type] if value is None else _scalar(value)
    described = api_types.get(go_type)
    if described.underlying:
        return _show_type(described.underlying)
    return lambda value: _struct(value or {}, described.fields)


def _show(value: Any, go_type: str) -> str:
    return _show_type(go_type)(value)


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _struct(value: Mapping[str, Any], fields: Sequence[GoField]) -> str:
    shown = (
        # The fields of an embedded struct stand in its owner.
        f"{field.go_name}:({api_types.print_name(field.go_type)})"
        f"{_show(value.get(field.name) if field.name else value, field.go_type)}"
        for field in fields
    )
    return "{" + " ".join(shown) + "}"


def _list(value: Sequence[Any] | None, item: str) -> str:
    return "[" + " ".join(_show(element, item) for element in value) + "]" if value else _NIL


def _map(value: Mapping[str, Any] | None, item: str) -> str:
    if not value:
        return _NIL
    return "map[" + " ".join(f"{key}:{_show(value[key], item)}" for key in sorted(value)) + "]"


def _int_or_string(value: int | str | None) -> str:
    text = value if isinstance(value, str) else ""
    number = 0 if isinstance(value, str) else value or 0
    kind = int(isinstance(value, str))
    return f"{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"


def _quantity(value: str | None) -> str:
    """Return the parts that Go's parser leaves: it keeps the text where it knows that it is canonical."""
    text = quantity.canonical(str(value or "0"))
    digits = text.rstrip("".join(_BINARY) + "".join(_DECIMAL)) if "e" not in text else text.partition("e")[0]
    suffix = text[len(digits) :]
    number, scale, form, keeps_text = int(digits), 0, "DecimalSI", True
    if suffix in _BINARY:
        form, keeps_text = "BinarySI", number & 7 != 0
        number <<= _BINARY[suffix]
    elif suffix.startswith("e"):
        form, scale = "DecimalExponent", int(suffix[1:])
    else:
        scale = _DECIMAL[suffix]
    if form != "BinarySI":
        keeps_text = scale % 3 == 0 and not digits.endswith("000")
    kept = text if keeps_text else ""
    return (
        f"{{i:(resource.int64Amount){{value:(int64){number} scale:(resource.Scale){scale}}}"
        f" d:(resource.infDecAmount){{Dec:(*inf.Dec){_NIL}}}"
        f" s:(string){kept} Format:(resource.Format){form}}}"
    )


_CUSTOM: Final[dict[str, Callable[[Any], str]]] = {
    _QUANTITY: _quantity,
    "apimachinery.pkg.apis.meta.v1.Time": lambda _: _ZERO_TIME,
    "apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
}
