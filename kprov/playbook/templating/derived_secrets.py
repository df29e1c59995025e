"""Hide what filters derive from secrets: base64, hashes, quoted forms, parts."""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from kprov.inventory import secrets

Filter = Callable[..., Any]
Hider = Callable[[Filter, tuple[Any, ...], dict[str, Any], Any], None]
#: Filters that encode their input: the whole result is hidden if a secret went into it.
_OPAQUE = frozenset(
    (
        *("b64encode", "b64decode", "hash", "sha1", "md5", "checksum", "crc32", "password_hash", "to_uuid"),
        *("unvault",),
    )
)
#: Filters that write a text in another form: that form of each secret is hidden.
_FORMS = frozenset(
    (
        *("to_json", "to_nice_json", "tojson", "to_yaml", "to_nice_yaml", "pprint", "quote", "urlencode"),
        *("urldecode", "regex_escape", "regex_replace", "replace", "escape", "e", "forceescape", "xmlattr"),
        *("upper", "lower", "capitalize", "title", "reverse", "truncate", "wordwrap", "unicode_normalize"),
    )
)
#: Filters that return parts of their input: the parts are hidden if the whole input is a secret.
_PARTS = frozenset(
    (
        *("split", "regex_search", "regex_findall", "urlsplit", "splitext", "basename", "dirname", "trim"),
        *("from_json", "from_yaml", "from_yaml_all", "from_csv"),
    )
)
#: YAML may fold a line of this length at its spaces.
_FOLDED = 60


def find_hider(name: str, *, is_plugin: bool = False) -> Hider | None:
    """Return the function that hides results of a filter; it takes the filter, its arguments and the result.

    None for a filter whose results need no hiding. A plugin may do anything with its input.
    """
    short = name.rpartition(".")[2]
    if is_plugin or short in _OPAQUE:
        return _hide_whole
    if short in _FORMS:
        return _hide_query if short == "urlencode" else _hide_forms
    return _hide_parts if short in _PARTS else None


def _hide_whole(_: Filter, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    texts: set[str] = set()
    for text in _iterate_texts([*args, *kwargs.values()]):
        texts |= secrets.within(text)
    for text in _iterate_texts(result) if texts else ():
        # Secrets that the result contains unchanged are hidden already; the text around them is not secret.
        if not all(part in text for part in texts):
            secrets.register(text)


def _hide_forms(function: Filter, args: tuple[Any, ...], kwargs: dict[str, Any], _: Any) -> None:
    # Some filters take the environment before the value.
    index = next(
        (n for n, argument in enumerate(args) if isinstance(argument, (str, dict, list, tuple))), None
    )
    if index is None:
        return
    for secret in {argument for text in _iterate_texts(args[index]) for argument in secrets.within(text)}:
        # If the filter fails on a part of its input, the result does not have that part's form.
        with contextlib.suppress(Exception):
            transformed = str(function(*args[:index], secret, *args[index + 1 :], **kwargs)).strip()
            quoted = len(transformed) > 1 and transformed[0] == transformed[-1] and transformed[0] in "'\""
            secrets.register(transformed[1:-1] if quoted else transformed)
        for word in secret.split() if len(secret) >= _FOLDED else ():
            if len(word) >= secrets.SHORTEST_LINE:
                secrets.register(word)


def _hide_query(function: Filter, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    _hide_forms(function, args, kwargs, result)
    # urlencode quotes values of a mapping in another way than a text.
    for secret in {
        secret_text for text in _iterate_texts(list(args)) for secret_text in secrets.within(text)
    }:
        secrets.register(urllib.parse.quote_plus(secret))


def _hide_parts(_: Filter, args: tuple[Any, ...], __: dict[str, Any], result: Any) -> None:
    if any(text.strip() in secrets.within(text) for text in _iterate_texts(list(args[:1]))):
        for text in _iterate_texts(result):
            secrets.register(text)


def _iterate_texts(value: Any) -> Iterator[str]:
    """Yield all texts in a value, with keys of mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _iterate_texts(key)
            yield from _iterate_texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _iterate_texts(item)
