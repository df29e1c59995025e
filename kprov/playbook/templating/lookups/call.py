# Ansible's times have no zone.
# ruff: noqa: DTZ005
"""Calling lookups: from templates (lookup, query, q), from `with_NAME`, and from code."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import Any

import jinja2
from jinja2 import pass_context

from kprov.playbook.templating.jinja_environment import ConstantTemplate, Context
from kprov.playbook.templating.lookups.lookup_table import LOOKUPS, REFUSED_LOOKUPS, short_name
from kprov.playbook.templating.plugin_calls import accept_markers
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.undefined import Marker, MarkerError
from kprov.playbook.templating.values import OMIT, FilterError, to_plain

#: Lookups that look at undefined terms themselves.
_TAKE_MARKERS = frozenset(("env", "first_found", "vars"))
_FAILURES = (
    FilterError,
    OSError,
    subprocess.SubprocessError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
)


def check_lookup(name: str) -> None:
    """FilterError for a lookup that there is not, with what to use instead."""
    plain_name = short_name(name)
    if plain_name in LOOKUPS:
        return
    if plain_name in REFUSED_LOOKUPS:
        raise FilterError(f"the lookup {name!r} is not supported; {REFUSED_LOOKUPS[plain_name]}")
    raise FilterError(f"the lookup {name!r} is not supported; there are {', '.join(sorted(LOOKUPS))}")


def run_lookup(name: str, terms: list[Any], scope: Scope, **options: Any) -> list[Any]:
    """The values of a lookup. FilterError or an undefined error with the reason."""
    check_lookup(name)
    try:
        return LOOKUPS[short_name(name)](scope, terms, **options)
    except (MarkerError, jinja2.TemplateError):
        raise
    except _FAILURES as error:
        raise FilterError(f"lookup {name!r}: {str(error) or type(error).__name__}") from None


def loop_items(name: str, value: Any, scope: Scope, kind: str = "") -> list[Any]:
    """What `with_NAME: value` loops over; the value is templated here.

    `kind` is where with_first_found looks: "templates", "vars" or "files", by the task's action.
    """
    found = scope.templar.wrap(value, scope)
    if short_name(name) == "first_found":
        terms = _without_undefined(found if isinstance(found, (list, tuple)) else [found])
        return run_lookup(name, terms, scope, kind=kind)
    if isinstance(found, Marker):
        found.trip()
    found = to_plain(found)
    terms = found if isinstance(found, list) else [found]
    return list(to_plain(run_lookup(name, terms, scope)))


def _without_undefined(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_undefined(one) for key, one in value.items() if not isinstance(one, Marker)}
    if isinstance(value, (list, tuple)):
        return [_without_undefined(one) for one in value if not isinstance(one, Marker)]
    return value


def _call_lookup(context: Context, name: Any, terms: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A lookup called in a template; a marker among what it is given is its answer."""
    wantlist, errors = options.pop("wantlist", False), options.pop("errors", "strict")
    if isinstance(name, Marker):
        return name
    check_lookup(name)
    scope = context.scope
    given = [_render_term(term, scope) for term in terms]
    if short_name(name) not in _TAKE_MARKERS:
        for one in (*given, *options.values()):
            if isinstance(one, Marker):
                return one
    try:
        found = run_lookup(name, given, scope, **options)
    except MarkerError as error:
        return error.source
    except (FilterError, jinja2.TemplateError) as error:
        if errors not in ("warn", "ignore"):
            raise
        if errors == "warn":
            sys.stderr.write(f"[WARNING]: lookup {name!r}: {error}\n")
        return [] if wantlist else None
    if wantlist or not found:
        return found
    if len(found) == 1:
        return found[0]
    return ",".join(found) if all(isinstance(one, str) for one in found) else found


def _render_term(term: Any, scope: Scope) -> Any:
    """A term with its constant texts rendered, as `lookup('file', '{{ name }}')` has it."""
    if isinstance(term, ConstantTemplate):
        return scope.templar.render_text(str(term), scope)
    if type(term) is dict:
        return {key: _render_term(one, scope) for key, one in term.items()}
    if type(term) in (list, tuple):
        return [_render_term(one, scope) for one in term]
    return term


@accept_markers
@pass_context
def lookup(context: Context, name: str, /, *terms: Any, **options: Any) -> Any:
    """A lookup's values joined by commas, or its only value; a list with wantlist=True."""
    return _call_lookup(context, name, terms, options)


@accept_markers
@pass_context
def query(context: Context, name: str, /, *terms: Any, **options: Any) -> Any:
    """A lookup's values as a list."""
    return _call_lookup(context, name, terms, {**options, "wantlist": True})


def undef(hint: str | None = None) -> Marker:
    """A value that is an error when it is used; the hint is its message."""
    return Marker(hint or "Mandatory variable has not been overridden")


def now(utc: bool = False, fmt: str | None = None) -> Any:
    time = dt.datetime.now(dt.UTC).replace(tzinfo=None) if utc else dt.datetime.now()
    return time.strftime(fmt) if fmt else time


GLOBALS: dict[str, Any] = {
    "lookup": lookup,
    "query": query,
    "q": query,
    "undef": undef,
    "now": now,
    "range": range,
    "omit": OMIT,
}
