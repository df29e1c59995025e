"""Probes and lifecycle hooks of containers.

Source: upstream pkg/apis/core/validation/validation.go (validateProbe, validateLifecycle).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_not_negative,
    check_port_number_or_name,
    check_value,
    require_fields,
)
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_COUNTS: Final = (
    *("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"),
)
_PROBE_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "sleep")
_GRACE: Final = "terminationGracePeriodSeconds"
_SIGNALS: Final = sorted(
    f"SIG{name}"
    for name in (
        *[
            "ABRT",
            "ALRM",
            "BUS",
            "CHLD",
            "CLD",
            "CONT",
            "FPE",
            "HUP",
            "ILL",
            "INT",
            "IO",
            "IOT",
            "KILL",
            "PIPE",
            "POLL",
            "PROF",
            "PWR",
            "QUIT",
            "SEGV",
            "STKFLT",
        ],
        *[
            "STOP",
            "SYS",
            "TERM",
            "TRAP",
            "TSTP",
            "TTIN",
            "TTOU",
            "URG",
            "USR1",
            "USR2",
            "VTALRM",
            "WINCH",
            "XCPU",
            "XFSZ",
            "RTMIN",
            "RTMAX",
        ],
        *(f"RTMIN+{number}" for number in range(1, 16)),
        *(f"RTMAX-{number}" for number in range(1, 15)),
    )
)


def validate_hooks_and_probes(container: JsonObject, grace: int | None, os: str | None, path: str) -> Errors:
    """Field rules of probes and hooks. grace: the grace period of the pod. os: its spec.os.name."""
    lifecycle = container.get("lifecycle") or {}
    for name in ("postStart", "preStop"):
        if lifecycle.get(name) is not None:
            yield from _validate_handler(lifecycle[name], grace, f"{path}.lifecycle.{name}", _HOOK_HANDLERS)
    if lifecycle.get("stopSignal") is not None:
        yield from _validate_stop_signal(lifecycle["stopSignal"], os, f"{path}.lifecycle.stopSignal")
    for name in PROBES:
        if container.get(name) is not None:
            yield from _validate_probe(name, container[name], grace, f"{path}.{name}")


def _validate_stop_signal(signal: str, os: str | None, path: str) -> Errors:
    known = {"windows": ["SIGKILL", "SIGTERM"], "linux": _SIGNALS}
    if os is None:
        yield field.forbidden(path, "may not be set for containers with empty `spec.os.name`")
    elif os in known and signal not in known[os]:
        yield field.not_supported(path, signal, known[os])


def _validate_probe(name: str, probe: JsonObject, grace: int | None, path: str) -> Errors:
    yield from _validate_handler(probe, grace, path, _PROBE_HANDLERS)
    yield from check_not_negative(probe, path, *_COUNTS)
    own = probe.get(_GRACE)
    if own is not None and own <= 0:
        yield field.invalid(f"{path}.{_GRACE}", own, "must be greater than 0")
    if name == "readinessProbe":
        if own is not None:
            yield field.invalid(f"{path}.{_GRACE}", own, "must not be set for readinessProbes")
    elif probe["successThreshold"] != 1:
        yield field.invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def _validate_handler(handler: JsonObject, grace: int | None, path: str, kinds: tuple[str, ...]) -> Errors:
    matching_kinds = [kind for kind in kinds if handler.get(kind) is not None]
    if not matching_kinds:
        yield field.required(path, "must specify a handler type")
        return
    yield from _validate_action(
        matching_kinds[0], handler[matching_kinds[0]], grace, f"{path}.{matching_kinds[0]}"
    )
    for kind in matching_kinds[1:]:
        yield field.forbidden(f"{path}.{kind}", "may not specify more than 1 handler type")


def _validate_action(kind: str, action: JsonObject, grace: int | None, path: str) -> Errors:
    if kind == "exec":
        yield from require_fields(action, path, "command")
    elif kind == "sleep":
        seconds = action.get("seconds", 0)
        if grace is not None and not 0 <= seconds <= grace:
            text = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            yield field.invalid(path, seconds, text)
    else:
        yield from check_port_number_or_name(action.get("port", 0), f"{path}.port")
    if kind == "httpGet":
        if action["scheme"] not in {"HTTP", "HTTPS"}:
            yield field.not_supported(f"{path}.scheme", action["scheme"], ["HTTP", "HTTPS"])
        for header in action.get("httpHeaders") or ():
            yield from check_value(header.get("name", ""), f"{path}.httpHeaders", names.is_http_header_name)
