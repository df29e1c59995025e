"""Filters for mappings and lists: combine, dict2items, flatten, subelements, zip and others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jinja2
from jinja2 import pass_environment

from kprov.playbook.templating import bounds
from kprov.playbook.templating.values import FilterError, describe_type, is_sequence

_LIST_MERGE: dict[str, Callable[[list[Any], list[Any]], list[Any]]] = {
    "replace": lambda _old, new: new,
    "keep": lambda old, _new: old,
    "append": lambda old, new: old + new,
    "prepend": lambda old, new: new + old,
    "append_rp": lambda old, new: [item for item in old if item not in new] + new,
    "prepend_rp": lambda old, new: new + [item for item in old if item not in new],
}


def combine(*terms: Any, recursive: bool = False, list_merge: str = "replace") -> Any:
    """Merge mappings, and mappings in lists; the last value wins."""
    if list_merge not in _LIST_MERGE:
        raise FilterError(f"'list_merge' argument can only be equal to {', '.join(map(repr, _LIST_MERGE))}")
    dicts = flatten(list(terms), levels=1)
    for entry in dicts:
        if not isinstance(entry, Mapping) and len(dicts) > 1:
            raise FilterError(
                f"failed to combine variables, expected dicts but got {describe_type(entry)!r}: {entry!r}"
            )
    if len(dicts) <= 1:
        return dicts[0] if dicts else {}
    merged = dict(dicts[0])
    for entry in dicts[1:]:
        merged = _merge_mappings(merged, entry, recursive, list_merge)
    return merged


def _merge_mappings(
    old: Mapping[Any, Any], new: Mapping[Any, Any], recursive: bool, list_merge: str
) -> dict[Any, Any]:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge_mappings(before, value, True, list_merge) if recursive else value
        elif isinstance(before, list) and isinstance(value, list):
            merged[key] = _LIST_MERGE[list_merge](before, value)
        else:
            merged[key] = value
    return merged


def flatten(value: Any, levels: int | None = None, skip_nulls: bool = True) -> list[Any]:
    """Flatten nested lists, without nulls."""
    items: list[Any] = []
    for entry in value:
        if skip_nulls and (entry is None or entry in ("None", "null")):
            continue
        if isinstance(entry, (list, tuple)) and (levels is None or levels >= 1):
            items += flatten(entry, None if levels is None else int(levels) - 1, skip_nulls)
        else:
            items.append(entry)
    return items


def dict2items(value: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise FilterError(f"dict2items requires a dictionary, got {describe_type(value)} instead.")
    return [{key_name: key, value_name: value[key]} for key in value]


def items2dict(value: Any, key_name: str = "key", value_name: str = "value") -> dict[Any, Any]:
    if not is_sequence(value):
        raise FilterError(f"items2dict requires a list, got {describe_type(value)} instead.")
    try:
        return {entry[key_name]: entry[value_name] for entry in value}
    except KeyError:
        raise FilterError(
            f"items2dict requires each dictionary in the list to contain the keys {key_name!r} and "
            f"{value_name!r}"
        ) from None
    except TypeError:
        raise FilterError(f"items2dict requires a list of dictionaries, got {value!r} instead.") from None


def subelements(value: Any, path: Any, skip_missing: bool = False) -> list[tuple[Any, Any]]:
    """Return pairs of an entry and each element of its list at a path."""
    if not isinstance(value, (dict, list)):
        raise FilterError("obj must be a list of dicts or a nested dict")
    if not isinstance(path, (str, list)):
        raise FilterError("subelements must be a list or a string")
    pairs = []
    for entry in value.values() if isinstance(value, dict) else value:
        inner = entry
        for key in path.split(".") if isinstance(path, str) else path:
            try:
                inner = inner[key]
            except KeyError:
                if not skip_missing:
                    raise FilterError(f"could not find {key!r} key in iterated item {inner!r}") from None
                inner = []
                break
            except TypeError:
                raise FilterError(f"the key {key} should point to a dictionary, got {inner!r}") from None
        if not isinstance(inner, list):
            raise FilterError(f"the key {path!r} should point to a list, got {inner!r}")
        pairs += [(entry, element) for element in inner]
    return pairs


@pass_environment
def extract(environment: jinja2.Environment, item: Any, container: Any, morekeys: Any = None) -> Any:
    """Return the entry of a container by its key, and further keys in it."""
    keys = [item, *(morekeys if isinstance(morekeys, list) else [] if morekeys is None else [morekeys])]
    for key in keys:
        container = environment.getitem(container, key)
    return container


def rekey_on_member(data: Any, key: str, duplicates: str = "error") -> dict[Any, Any]:
    """Return a mapping of entries by their values of a key."""
    if duplicates not in ("error", "overwrite"):
        raise FilterError(f"duplicates parameter to rekey_on_member has unknown value {duplicates!r}")
    if isinstance(data, str) or not isinstance(data, Iterable):
        raise FilterError("Type is not a valid list, set, or dict")
    rekeyed: dict[Any, Any] = {}
    for entry in data.values() if isinstance(data, Mapping) else data:
        if not isinstance(entry, Mapping):
            raise FilterError("List item is not a valid dict")
        if key not in entry:
            raise FilterError(f"Key {key!r} was not found.")
        name = entry[key]
        if name in rekeyed and duplicates == "error":
            raise FilterError(f"Key {name!r} is not unique, cannot convert to dict.")
        rekeyed[name] = entry
    return rekeyed


FILTERS: dict[str, Callable[..., Any]] = {
    "combine": combine,
    "flatten": flatten,
    "dict2items": dict2items,
    "items2dict": items2dict,
    "subelements": subelements,
    "extract": extract,
    "rekey_on_member": rekey_on_member,
    "zip": zip,
    "zip_longest": lambda *lists, fillvalue=None: bounds.read_all(
        itertools.zip_longest(*lists, fillvalue=fillvalue)
    ),
    "product": lambda *lists, repeat=1: bounds.read_all(itertools.product(*lists, repeat=repeat)),
    "permutations": lambda value, r=None: bounds.read_all(itertools.permutations(value, r)),
    "combinations": lambda value, r: bounds.read_all(itertools.combinations(value, r)),
}
