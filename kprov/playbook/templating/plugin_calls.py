"""Wrap filters and tests for templates: undefined values pass through, errors name the plugin."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
from jinja2.exceptions import FilterArgumentError, SecurityError

from kprov.playbook.templating import bounds, derived_secrets
from kprov.playbook.templating.undefined import Marker, MarkerError
from kprov.playbook.templating.values import FilterError, is_iterator

#: Exceptions of filters for unsuitable values.
_MISFITS = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    OSError,
    RuntimeError,
    MemoryError,
    re.error,
    FilterError,
    FilterArgumentError,
)


def wrap_function(function: Callable[..., Any], kind: str, name: str) -> Callable[..., Any]:
    """Return the function as templates call it.

    It returns the first undefined marker of its arguments, unless it has the attribute `takes_markers`.
    """
    takes_markers = getattr(function, "takes_markers", False)
    hide = _find_hider(function, kind, name)
    # Jinja's own filters may take its environment before the value.
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not takes_markers:
            for arg in (*args, *kwargs.values()) if kwargs else args:
                if isinstance(arg, Marker):
                    return arg
        try:
            if kind == "filter":
                bounds.check_filter(name, (*args[first:], *kwargs.values()))
            result = _to_list(function(*args, **kwargs))
            if hide is not None:
                hide(function, args, kwargs, result)
            return result
        except MarkerError as error:
            return error.source
        except (jinja2.TemplateError, SecurityError):
            raise
        except _MISFITS as error:
            raise FilterError(f"{kind} {name!r}: {describe_misfit(error)}") from error

    return call


def _to_list(value: Any) -> Any:
    return bounds.read_all(value) if is_iterator(value) else value


def _find_hider(function: Callable[..., Any], kind: str, name: str) -> derived_secrets.Hider | None:
    if kind != "filter":
        return None
    return derived_secrets.find_hider(name, is_plugin=getattr(function, "is_plugin", False))


def describe_misfit(error: BaseException) -> str:
    """Return the text of an exception of a filter, test or lookup."""
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    return str(error) or type(error).__name__


def wrap_test(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a test as templates call it; its result is a boolean or an undefined marker."""
    inner = wrap_function(function, "test", name)

    @functools.wraps(inner)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = inner(*args, **kwargs)
        return result if isinstance(result, (bool, Marker)) else bool(result)

    return call


def make_refusal(kind: str, name: str, instead: str) -> Callable[..., Any]:
    """Return a function for a plugin that is not supported; a call raises an error with the alternative."""

    def call(*_args: Any, **_kwargs: Any) -> Any:
        raise FilterError(f"the {kind} {name!r} is not supported; {instead}")

    call.takes_markers = True  # type: ignore[attr-defined]
    return call


def accept_markers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that handles undefined values itself."""
    function.takes_markers = True  # type: ignore[attr-defined]
    return function


def wrap_functions(kind: str, functions: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return the functions of a table as templates call them."""
    if kind == "test":
        return {name: wrap_test(function, name) for name, function in functions.items()}
    return {name: wrap_function(function, kind, name) for name, function in functions.items()}
