# Ansible's times have no zone.
# ruff: noqa: DTZ005
"""Run lookups: from templates (lookup, query, q), from `with_NAME`, and from code."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import Any

import jinja2
from jinja2 import pass_context

from kprov.errors import InputError
from kprov.playbook.templating.bounds import make_range
from kprov.playbook.templating.jinja_environment import ConstantTemplate, Context
from kprov.playbook.templating.lookups import plugin_lookups
from kprov.playbook.templating.lookups.lookup_table import LOOKUPS, REFUSED_LOOKUPS, short_name
from kprov.playbook.templating.plugin_calls import accept_markers, describe_misfit
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.undefined import Marker, MarkerError
from kprov.playbook.templating.values import OMIT, FilterError, to_plain

#: Lookups that handle undefined terms themselves.
_TAKE_MARKERS = frozenset(("env", "first_found", "vars"))
#: Lookups of ansible-core whose answers would be wrong here.
_NEVER = frozenset(("config",))
_FAILURES = (
    FilterError,
    InputError,
    OSError,
    subprocess.SubprocessError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    MemoryError,
)


def check_lookup(name: str) -> None:
    """Raise FilterError for an unknown lookup, with the alternative."""
    plain_name = short_name(name)
    if plain_name in LOOKUPS or (plain_name not in _NEVER and plugin_lookups.is_found(name)):
        return
    if plain_name in REFUSED_LOOKUPS:
        raise FilterError(f"the lookup {name!r} is not supported; {REFUSED_LOOKUPS[plain_name]}")
    raise FilterError(f"the lookup {name!r} is not supported; use one of {', '.join(sorted(LOOKUPS))}")


def run_lookup(name: str, terms: list[Any], scope: Scope, **options: Any) -> list[Any]:
    """Return the values of a lookup. Raises FilterError or MarkerError."""
    check_lookup(name)
    function = LOOKUPS.get(short_name(name))
    try:
        if function is None:
            return plugin_lookups.run_plugin(name, terms, scope, options)
        return function(scope, terms, **options)
    except (MarkerError, jinja2.TemplateError):
        raise
    except _FAILURES as error:
        raise FilterError(f"lookup {name!r}: {describe_misfit(error)}") from None


def find_loop_items(name: str, value: Any, scope: Scope, kind: str = "") -> list[Any]:
    """Return the items of `with_NAME: value`; the value is rendered here.

    `kind` is where with_first_found searches: "templates", "vars" or "files", by the task's action.
    """
    items = scope.templar.wrap(value, scope)
    if short_name(name) == "first_found":
        terms = _remove_undefined(items if isinstance(items, (list, tuple)) else [items])
        return run_lookup(name, terms, scope, kind=kind)
    if isinstance(items, Marker):
        items.trip()
    items = to_plain(items)
    terms = items if isinstance(items, list) else [items]
    return list(to_plain(run_lookup(name, terms, scope)))


def _remove_undefined(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _remove_undefined(item) for key, item in value.items() if not isinstance(item, Marker)}
    if isinstance(value, (list, tuple)):
        return [_remove_undefined(item) for item in value if not isinstance(item, Marker)]
    return value


def _call_lookup(context: Context, name: Any, terms: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Run a lookup for a template; return the first undefined marker of its arguments."""
    wantlist, errors = options.pop("wantlist", False), options.pop("errors", "strict")
    if isinstance(name, Marker):
        return name
    check_lookup(name)
    scope = context.scope
    rendered_terms = [_render_term(term, scope) for term in terms]
    if short_name(name) not in _TAKE_MARKERS:
        for argument in (*rendered_terms, *options.values()):
            if isinstance(argument, Marker):
                return argument
    try:
        values = run_lookup(name, rendered_terms, scope, **options)
    except MarkerError as error:
        return error.source
    except (FilterError, jinja2.TemplateError) as error:
        if errors not in ("warn", "ignore"):
            raise
        if errors == "warn":
            sys.stderr.write(f"[WARNING]: lookup {name!r}: {error}\n")
        return [] if wantlist else None
    return values if wantlist or not values else _join_values(values)


def _join_values(values: list[Any]) -> Any:
    """Return the only value, texts joined by commas, or else the list."""
    if len(values) == 1:
        return values[0]
    return ",".join(values) if all(isinstance(value, str) for value in values) else values


def _render_term(term: Any, scope: Scope) -> Any:
    """Return a term with its text constants rendered, as in `lookup('file', '{{ name }}')`."""
    if isinstance(term, ConstantTemplate):
        return scope.templar.render_text(str(term), scope)
    if type(term) is dict:
        return {key: _render_term(item, scope) for key, item in term.items()}
    if type(term) in (list, tuple):
        return [_render_term(item, scope) for item in term]
    return term


@accept_markers
@pass_context
def lookup(context: Context, name: str, /, *terms: Any, **options: Any) -> Any:
    """Return the values of a lookup joined by commas, or its only value; a list with wantlist=True."""
    return _call_lookup(context, name, terms, options)


@accept_markers
@pass_context
def query(context: Context, name: str, /, *terms: Any, **options: Any) -> Any:
    """Return the values of a lookup as a list."""
    return _call_lookup(context, name, terms, {**options, "wantlist": True})


def undef(hint: str | None = None) -> Marker:
    """Return an undefined value; using it raises an error with the hint."""
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
    "range": make_range,
    "omit": OMIT,
}
