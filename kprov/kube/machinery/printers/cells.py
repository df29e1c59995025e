"""Table cells that several kinds share. `now` is always Unix time in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.selectors import LabelSelector, SelectorError

Cells = list[Any]
#: Makes the cells of an object; the second argument is the time.
Printer = Callable[[JsonMapping, float], Cells]

NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 86400 * 365


def human_duration(seconds: float) -> str:
    """Return a duration as kubectl shows ages: 45s, 3m20s, 5h10m, 3d4h. Allows two seconds of clock skew."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 8 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h"
    if whole < 8 * _DAY:
        return _two(whole, _DAY, "d", _HOUR, "h")
    if whole < 2 * _YEAR:
        return f"{whole // _DAY}d"
    if whole < 8 * _YEAR:
        return _two(whole, _YEAR, "y", _DAY, "d")
    return f"{whole // _YEAR}y"


def _two(whole: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    return f"{first}{large_unit}{second}{small_unit}" if second else f"{first}{large_unit}"


def since(time: str | None, now: float) -> str:
    """Return the time since an RFC 3339 text, "<unknown>" without one."""
    return human_duration(now - datetime.fromisoformat(time).timestamp()) if time else UNKNOWN


def labels(held: Mapping[str, str] | None) -> str:
    """a=b,c=d in order of the keys."""
    return ",".join(f"{key}={held[key]}" for key in sorted(held)) if held else NONE


def selector(held: JsonMapping | None) -> str:
    """Return a LabelSelector object in its query form."""
    if held is None:
        return NONE
    try:
        return str(LabelSelector.from_object(held)) or NONE
    except SelectorError:
        return "<error>"


def containers(pod_spec: JsonMapping) -> list[Any]:
    """Two cells: names and images of the containers."""
    listed = pod_spec.get("containers") or ()
    return [
        ",".join(container.get("name", "") for container in listed),
        ",".join(container.get("image", "") for container in listed),
    ]


def template(spec: JsonMapping) -> JsonMapping:
    """Return the pod spec of a spec.template, empty if there is none."""
    pod_spec: JsonMapping = (spec.get("template") or {}).get("spec") or {}
    return pod_spec


def join(parts: Iterable[str], count: int, shown: int) -> str:
    """Return the first parts and the number of further ones: "a,b,c + 2 more..."."""
    text = ",".join(parts)
    return f"{text} + {count - shown} more..." if count > shown else text


def access_modes(modes: Iterable[str] | None) -> str:
    held = set(modes or ())
    short = {
        "ReadWriteOnce": "RWO",
        "ReadOnlyMany": "ROX",
        "ReadWriteMany": "RWX",
        "ReadWriteOncePod": "RWOP",
    }
    return ",".join(text for mode, text in short.items() if mode in held)


def load_balancer(status: JsonMapping) -> str:
    addresses = {
        ingress.get("ip") or ingress.get("hostname")
        for ingress in (status.get("loadBalancer") or {}).get("ingress") or ()
    }
    return ",".join(sorted(address for address in addresses if address))


def spec(obj: JsonMapping) -> JsonMapping:
    """Return the spec, empty if there is none."""
    return obj.get("spec") or {}


def status(obj: JsonMapping) -> JsonMapping:
    """Return the status, empty if there is none."""
    return obj.get("status") or {}


def name(obj: JsonMapping) -> str:
    """Return the name of the object."""
    return str(obj["metadata"]["name"])


def age(obj: JsonMapping, now: float) -> str:
    """Return the time since its creation."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def named(*values: Callable[[JsonMapping], Any]) -> Printer:
    """Return a printer for name, some values, age: the form of most kinds."""
    return lambda obj, now: [name(obj), *(value(obj) for value in values), age(obj, now)]


def field(*path: str, default: Any = "") -> Callable[[JsonMapping], Any]:
    """Return the value at a path, for `named`."""

    def value(obj: JsonMapping) -> Any:
        held: Any = obj
        for name in path:
            held = held.get(name) if held else None
        return default if held is None else held

    return value


def length(*path: str) -> Callable[[JsonMapping], int]:
    """Return the length of the value at a path, for `named`."""
    return lambda obj: len(field(*path, default=())(obj))


def default_marked(obj: JsonMapping, *names: str) -> str:
    """Return the name, with "(default)" if one of these annotations makes it the default of its kind."""
    annotations = obj["metadata"].get("annotations") or {}
    marked = any(annotations.get(annotation) == "true" for annotation in names)
    return f"{name(obj)} (default)" if marked else name(obj)
