"""Filters that choose or check a value: default, mandatory, ternary, bool, type_debug."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jinja2 import pass_environment
from jinja2.filters import sync_do_groupby

from kprov.playbook.templating.plugin_calls import accept_markers
from kprov.playbook.templating.undefined import Marker
from kprov.playbook.templating.values import FilterError, describe_type

_TRUE, _FALSE = frozenset(("yes", "on", "true", "1")), frozenset(("no", "off", "false", "0"))


def boolean(value: Any) -> bool:
    """Return True for yes, on, true and 1 in any case and for the number 1, False for anything else."""
    if isinstance(value, (str, int)):
        text = str(value).lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
    return bool(value == 1)


@accept_markers
def default(value: Any, default_value: Any = "", boolean: Any = False) -> Any:
    """Replace an undefined value or, with `boolean`, an empty one."""
    if isinstance(boolean, Marker):
        return boolean
    if isinstance(value, Marker) or (boolean and not value):
        return default_value
    return value


@accept_markers
def mandatory(value: Any, msg: str | None = None) -> Any:
    if isinstance(value, Marker):
        name = f"{value._undefined_name!r} " if value._undefined_name is not None else ""
        raise FilterError(str(msg) if msg is not None else f"Mandatory variable {name}not defined.")
    return value


@accept_markers
def ternary(value: Any, true_val: Any, false_val: Any, none_val: Any = None) -> Any:
    """Return the first value if true, otherwise the second; the third, if there is one, for None."""
    if isinstance(value, Marker):
        return value
    if value is None and none_val is not None:
        return none_val
    return true_val if value else false_val


@accept_markers
def type_debug(value: Any) -> str:
    return describe_type(value)


class Group(NamedTuple):
    """The result of groupby for one value of the attribute."""

    grouper: Any
    list: list[Any]

    def __repr__(self) -> str:
        return tuple.__repr__(self)


@pass_environment
def groupby(*args: Any, **kwargs: Any) -> list[Group]:
    return [Group(grouper=group.grouper, list=group.list) for group in sync_do_groupby(*args, **kwargs)]


FILTERS: dict[str, Callable[..., Any]] = {
    "bool": boolean,
    "default": default,
    "d": default,
    "mandatory": mandatory,
    "ternary": ternary,
    "type_debug": type_debug,
    "groupby": groupby,
}
