"""The declaration of one overload of a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

STRING: Final = "string"
INT: Final = "int"
BOOL: Final = "bool"
DOUBLE: Final = "double"
DYN: Final = "dyn"
STRINGS: Final = "list<string>"
LIST: Final = "list<dyn>"


class Declaration(NamedTuple):
    """overload: a unique identifier. parameters: with the receiver of a member function first."""

    name: str
    overload: str
    parameters: tuple[str, ...]
    result: str
    implementation: Callable[..., Any]
    is_member: bool = False


def function(
    name: str, parameters: tuple[str, ...], result: str, implementation: Callable[..., Any]
) -> Declaration:
    """Declare a function: `quantity("1")`."""
    return Declaration(name, _identify(name, parameters), parameters, result, implementation)


def member(
    name: str, parameters: tuple[str, ...], result: str, implementation: Callable[..., Any]
) -> Declaration:
    """Declare a member function: `value.sign()`."""
    return Declaration(
        name, f"member_{_identify(name, parameters)}", parameters, result, implementation, is_member=True
    )


def _identify(name: str, parameters: tuple[str, ...]) -> str:
    return "_".join([name, *parameters]).translate(str.maketrans(".<> ,", "_____"))
