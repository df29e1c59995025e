"""Pod templates as Go's dump package prints them: what upstream's hashes of templates are made of.

go_dump.txt has a line a struct: its type, then its fields in Go's order, each GONAME[/JSONNAME]:TYPE[=KIND].
JSONNAME: where it is not GONAME with a small first letter; empty for a struct whose fields stand in its
owner.
KIND: of a named type, s a string, i an integer, b a boolean, m resource.Quantity by name.
Source: the Go types of staging/src/k8s.io/api/core/v1; k8s.io/utils/dump for the form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from kprov.kube.machinery import quantity

POD_TEMPLATE: Final = "v1.PodTemplateSpec"
_QUANTITY: Final = "resource.Quantity"
_NIL: Final = "<nil>"
_ZERO_TIME: Final = "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}"
_ZEROS: Final[Mapping[str, str]] = {"string": "", "int32": "0", "int64": "0", "bool": "false"}
_ZEROS_OF_KINDS: Final[Mapping[str, str]] = {"s": "", "i": "0", "b": "false", "m": _NIL}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


class _Field(NamedTuple):
    go_name: str
    json_name: str
    go_type: str
    kind: str


def dump(value: Any, go_type: str = POD_TEMPLATE) -> str:
    """The text of `%#v` with sorted maps and without addresses, its type in front.

    The value is a document as an API server sends it: canonical quantities, defaults filled in.
    """
    return f"({go_type}){_show(value, go_type)}"


@cache
def _structs() -> dict[str, tuple[_Field, ...]]:
    text = files(__package__).joinpath("go_dump.txt").read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines())
    return {words[0]: tuple(map(_field, words[1:])) for words in lines}


def _field(word: str) -> _Field:
    names, _, typed = word.partition(":")
    go_name, renamed, json_name = names.partition("/")
    go_type, _, kind = typed.partition("=")
    return _Field(go_name, json_name if renamed else go_name[0].lower() + go_name[1:], go_type, kind)


def _show(value: Any, go_type: str, kind: str = "") -> str:
    if go_type.startswith("*"):
        return _NIL if value is None else _show(value, go_type[1:])
    if go_type.startswith("[]"):
        return _list(value, go_type[2:])
    if go_type.startswith("map["):
        return _map(value, go_type.partition("]")[2])
    if kind == "m":
        return _map(value, _QUANTITY)
    if go_type == "v1.Time":
        return _ZERO_TIME
    if go_type == _QUANTITY:
        return _quantity(quantity.canonical(str(value or "0")))
    if go_type == "intstr.IntOrString":
        return _int_or_string(value)
    if go_type in _structs():
        return _struct(value or {}, go_type)
    if value is None:
        return _ZEROS_OF_KINDS[kind] if kind else _ZEROS[go_type]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _struct(value: Mapping[str, Any], go_type: str) -> str:
    shown = (
        # The fields of an embedded struct stand in its owner.
        f"{name}:({typed}){_show(value.get(json_name) if json_name else value, typed, kind)}"
        for name, json_name, typed, kind in _structs()[go_type]
    )
    return "{" + " ".join(shown) + "}"


def _list(value: Sequence[Any] | None, item: str) -> str:
    return "[" + " ".join(_show(each, item) for each in value) + "]" if value else _NIL


def _map(value: Mapping[str, Any] | None, item: str) -> str:
    if not value:
        return _NIL
    return "map[" + " ".join(f"{key}:{_show(value[key], item)}" for key in sorted(value)) + "]"


def _int_or_string(value: int | str | None) -> str:
    text = value if isinstance(value, str) else ""
    number = 0 if isinstance(value, str) else value or 0
    kind = int(isinstance(value, str))
    return f"{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"


def _quantity(text: str) -> str:
    """The parts that Go's parser leaves: it keeps the text where it knows that it is canonical."""
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
