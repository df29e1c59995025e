# Paths are used as the texts they arrive as.
# The signature is what callers expect.
# ruff: noqa: ARG005, PTH118, PTH119, PTH120, PTH122
"""Ansible's filters that Jinja2 does not have."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import ipaddress
import itertools
import json
import os
import re
import shlex
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jinja2
import yaml


class FilterError(Exception):
    """A filter cannot do what it was asked; the message says why."""


def plain(value: Any) -> Any:
    """A value of plain types only: generators and tuples are lists, mappings are dicts."""
    if isinstance(value, str) or value is None or isinstance(value, (bool, int, float)):
        return str(value) if isinstance(value, str) and type(value) is not str else value
    if isinstance(value, Mapping):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, jinja2.Undefined):
        value._fail_with_undefined_error()
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [plain(entry) for entry in value]
    return value


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return str(value).strip().lower() in ("yes", "on", "1", "true", "1.0")


def mandatory(value: Any, msg: str | None = None) -> Any:
    if isinstance(value, jinja2.Undefined):
        raise FilterError(
            msg or f"Mandatory variable {value._undefined_name or ''} not defined.".replace("  ", " ")
        )
    return value


def combine(*dicts: Any, recursive: bool = False, list_merge: str = "replace") -> dict[Any, Any]:
    merged: dict[Any, Any] = {}
    for entry in _flatten(list(dicts)):
        if not isinstance(entry, Mapping):
            raise FilterError(f"combine takes mappings, not {entry!r}")
        merged = _merge(merged, entry, recursive, list_merge)
    return merged


def _merge(old: Mapping[Any, Any], new: Mapping[Any, Any], recursive: bool, lists: str) -> dict[Any, Any]:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if recursive and isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(before, value, recursive, lists)
        elif isinstance(before, list) and isinstance(value, list) and lists != "replace":
            merged[key] = {
                "keep": lambda b, v: b,
                "append": lambda b, v: b + v,
                "prepend": lambda b, v: v + b,
                "append_rp": lambda b, v: [x for x in b if x not in v] + v,
                "prepend_rp": lambda b, v: v + [x for x in b if x not in v],
            }[lists](before, value)
        else:
            merged[key] = value
    return merged


def _flatten(value: Any, levels: int | None = None, skip_nulls: bool = True) -> list[Any]:
    found = []
    for entry in value:
        if entry is None and skip_nulls:
            continue
        if isinstance(entry, (list, tuple)) and (levels is None or levels > 0):
            found += _flatten(entry, None if levels is None else levels - 1, skip_nulls)
        else:
            found.append(entry)
    return found


def dict2items(value: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise FilterError(f"dict2items requires a dictionary, got {type(value).__name__}")
    return [{key_name: key, value_name: entry} for key, entry in value.items()]


def items2dict(value: Any, key_name: str = "key", value_name: str = "value") -> dict[Any, Any]:
    return {entry[key_name]: entry[value_name] for entry in value}


def to_json(value: Any, **options: Any) -> str:
    return json.dumps(plain(value), **options)


def to_nice_json(value: Any, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    return json.dumps(plain(value), indent=indent, sort_keys=sort_keys, separators=(",", ": "), **options)


class _Dumper(yaml.SafeDumper):
    """Without references to what is said twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_yaml(value: Any, **options: Any) -> str:
    options.setdefault("default_flow_style", None)
    return str(yaml.dump(plain(value), Dumper=_Dumper, allow_unicode=True, **options))


def to_nice_yaml(value: Any, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    return str(
        yaml.dump(
            plain(value),
            Dumper=_Dumper,
            allow_unicode=True,
            default_flow_style=False,
            indent=indent,
            sort_keys=sort_keys,
            **options,
        )
    )


def _flags(ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def regex_replace(
    value: Any = "",
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
) -> str:
    return re.compile(pattern, _flags(ignorecase, multiline)).sub(replacement, str(value), count=count)


def regex_search(
    value: Any, pattern: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> Any:
    found = re.search(pattern, str(value), _flags(ignorecase, multiline))
    if not found:
        return None
    if not groups:
        return found.group()
    wanted = [group[3:-1] if group.startswith("\\g<") else group.lstrip("\\") for group in groups]
    return [found.group(int(name) if name.isdigit() else name) for name in wanted]


def regex_findall(value: Any, pattern: str, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    return re.findall(pattern, str(value), _flags(ignorecase, multiline))


def ternary(value: Any, yes: Any, no: Any, none: Any = None) -> Any:
    return none if value is None and none is not None else yes if value else no


def hash_(value: Any, kind: str = "sha1") -> str:
    return hashlib.new(kind, str(value).encode()).hexdigest()


def b64encode(value: Any, encoding: str = "utf-8") -> str:
    return base64.b64encode(str(value).encode(encoding)).decode()


def b64decode(value: Any, encoding: str = "utf-8") -> str:
    return base64.b64decode(str(value)).decode(encoding)


def subelements(value: Any, path: str | list[str], skip_missing: bool = False) -> list[tuple[Any, Any]]:
    found = []
    for entry in value.values() if isinstance(value, Mapping) else value:
        inner = entry
        for key in path.split(".") if isinstance(path, str) else path:
            if key not in inner and skip_missing:
                inner = []
                break
            inner = inner[key]
        found += [(entry, one) for one in inner]
    return found


def _unique(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def ipaddr(value: Any, query: Any = "", *_: Any) -> Any:
    """ansible.utils.ipaddr's common queries; False when the value is no address or does not fit."""
    if isinstance(value, (list, tuple)):
        return [found for entry in value if (found := ipaddr(entry, query)) is not False]
    try:
        address = ipaddress.ip_interface(str(value))
    except ValueError:
        return False
    network = address.network
    if isinstance(query, int) or re.fullmatch(r"-?\d+", str(query)):
        return f"{network[int(query)]}/{network.prefixlen}"
    answers: dict[str, Callable[[], Any]] = {
        "": lambda: value,
        "address": lambda: str(address.ip),
        "ip": lambda: str(address.ip),
        "host": lambda: str(address),
        "network": lambda: str(network.network_address),
        "prefix": lambda: network.prefixlen,
        "netmask": lambda: str(network.netmask),
        "subnet": lambda: str(network),
        "net": lambda: str(network) if address.ip == network.network_address else False,
        "cidr": lambda: str(network),
        "broadcast": lambda: str(network.broadcast_address),
        "size": lambda: network.num_addresses,
        "version": lambda: address.version,
        "ipv4": lambda: value if address.version == 4 else False,
        "ipv6": lambda: value if address.version == 6 else False,
        "private": lambda: value if address.is_private else False,
        "public": lambda: value if address.is_global else False,
        "first_usable": lambda: str(network[1]),
        "last_usable": lambda: str(network[-2]),
        "int": lambda: int(address.ip),
    }
    if query in answers:
        return answers[query]()
    try:
        return value if address.ip in ipaddress.ip_network(str(query), strict=False) else False
    except ValueError:
        raise FilterError(f"ipaddr: unknown query {query!r}") from None


def ipsubnet(value: Any, query: Any = "", index: int | None = None) -> Any:
    network = ipaddress.ip_network(str(value), strict=False)
    subnets = network.subnets(new_prefix=int(query))
    if index is None:
        return 2 ** (int(query) - network.prefixlen)
    return str(next(itertools.islice(subnets, index, None)))


def ipmath(value: Any, amount: int) -> str:
    return str(ipaddress.ip_address(str(value)) + amount)


def extract(key: Any, container: Any, more: Any = None) -> Any:
    found = container[key]
    for step in [more] if isinstance(more, (str, int)) else more or []:
        found = found[step]
    return found


def human_to_bytes(text: Any) -> int:
    found = re.fullmatch(r"([\d.]+)\s*([KMGTPE]?)i?B?", str(text).strip(), re.IGNORECASE)
    if not found:
        raise FilterError(f"{text!r} is not a size")
    return int(float(found[1]) * 1024 ** " KMGTPE".index(found[2].upper() or " "))


FILTERS: dict[str, Callable[..., Any]] = {
    "mandatory": mandatory,
    "combine": combine,
    "dict2items": dict2items,
    "items2dict": items2dict,
    "bool": boolean,
    "to_json": to_json,
    "to_nice_json": to_nice_json,
    "from_json": json.loads,
    "to_yaml": to_yaml,
    "to_nice_yaml": to_nice_yaml,
    "from_yaml": yaml.safe_load,
    "from_yaml_all": lambda t: list(yaml.safe_load_all(t)),
    "b64encode": b64encode,
    "b64decode": b64decode,
    "hash": hash_,
    "checksum": hash_,
    "sha1": hash_,
    "md5": lambda v: hash_(v, "md5"),
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "regex_findall": regex_findall,
    "regex_escape": lambda v: re.escape(str(v)),
    "ternary": ternary,
    "basename": lambda p: os.path.basename(str(p)),
    "dirname": lambda p: os.path.dirname(str(p)),
    "expanduser": os.path.expanduser,
    "expandvars": os.path.expandvars,
    "realpath": os.path.realpath,
    "relpath": os.path.relpath,
    "splitext": lambda p: list(os.path.splitext(p)),
    "path_join": lambda p: os.path.join(*p) if isinstance(p, list) else p,
    "quote": lambda v: shlex.quote(str(v)),
    "comment": lambda v, style="plain": "\n".join(
        f"# {line}".rstrip() for line in ["", *str(v).split("\n"), ""]
    ),
    "unique": lambda v: _unique(v),
    "union": lambda a, b: _unique([*a, *b]),
    "intersect": lambda a, b: [x for x in _unique(a) if x in b],
    "difference": lambda a, b: [x for x in _unique(a) if x not in b],
    "symmetric_difference": lambda a, b: [x for x in _unique([*a, *b]) if (x in a) != (x in b)],
    "flatten": _flatten,
    "zip": lambda a, *b: [list(r) for r in zip(a, *b, strict=False)],
    "zip_longest": lambda a, *b, fillvalue=None: [
        list(r) for r in itertools.zip_longest(a, *b, fillvalue=fillvalue)
    ],
    "product": lambda a, *b: [list(r) for r in itertools.product(a, *b)],
    "subelements": subelements,
    "extract": extract,
    "permutations": lambda v, n=None: [list(r) for r in itertools.permutations(v, n)],
    "combinations": lambda v, n: [list(r) for r in itertools.combinations(v, n)],
    "split": lambda v, sep=None, maxsplit=-1: str(v).split(sep, maxsplit),
    "type_debug": lambda v: type(v).__name__,
    "to_uuid": lambda v: str(uuid.uuid5(uuid.UUID("361E6D51-FAEC-444A-9079-341386DA8E2E"), str(v))),
    "to_datetime": lambda v, f="%Y-%m-%d %H:%M:%S": dt.datetime.strptime(v, f),  # noqa: DTZ007 - Ansible's has no zone
    "human_to_bytes": human_to_bytes,
    "ipaddr": ipaddr,
    "ipv4": lambda v, q="": ipaddr(ipaddr(v, "ipv4") or "", q) if ipaddr(v, "ipv4") else False,
    "ipv6": lambda v, q="": ipaddr(v, "ipv6"),
    "ipwrap": lambda v: f"[{v}]" if ":" in str(v) else v,
    "ipsubnet": ipsubnet,
    "ipmath": ipmath,
    "log": lambda v, base=2.718281828459045: __import__("math").log(v, base),
    "pow": lambda v, n: v**n,
    "root": lambda v, n=2: v ** (1 / n),
    "urlsplit": lambda v, q="": (lambda p: getattr(p, q) if q else p._asdict())(  # noqa: PLC3002 - one expression
        __import__("urllib.parse").parse.urlsplit(v)
    ),
}
FILTERS.update(
    {
        f"ansible.builtin.{name}": function
        for name, function in list(FILTERS.items())
        if not name.startswith("ip")
    }
)
FILTERS.update(
    {
        f"ansible.utils.{name}": FILTERS[name]
        for name in ("ipaddr", "ipv4", "ipv6", "ipwrap", "ipsubnet", "ipmath")
    }
)
