"""What containers must look like: names, ports, environment, mounts, resources, probes.

Source: upstream pkg/apis/core/validation/validation.go (validateContainers and what it calls).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.quantity import Quantity, QuantityError

Object = dict[str, Any]

PROTOCOLS: Final = ["SCTP", "TCP", "UDP"]
_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_COUNTS: Final = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)
_SIDECAR_ONLY: Final = "may not be set for init containers without restartPolicy=Always"
_PULL_POLICIES: Final = ["Always", "IfNotPresent", "Never"]
_MESSAGE_POLICIES: Final = ["FallbackToLogsOnError", "File"]


def containers(spec: Object, volumes: Collection[str], path: str) -> list[FieldError]:
    """`path` is the pod spec's; volumes are the names that mounts may refer to."""
    regular = spec.get("containers") or []
    if not regular:
        return [field.required(f"{path}.containers")]
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, container in enumerate(regular):
        where = f"{path}.containers[{index}]"
        errors += _common(container, volumes, where)
        errors += _unique_name(container, seen, where)
        errors += _hooks_and_probes(container, where)
    for index, container in enumerate(spec.get("initContainers") or ()):
        where = f"{path}.initContainers[{index}]"
        errors += _common(container, volumes, where)
        errors += _unique_name(container, seen, where)
        if container.get("restartPolicy") == "Always":
            errors += _hooks_and_probes(container, where)
        else:
            errors += [
                field.forbidden(f"{where}.{name}", _SIDECAR_ONLY)
                for name in ("lifecycle", *_PROBES)
                if container.get(name)
            ]
    return errors + _host_port_conflicts(regular, f"{path}.containers")


def _unique_name(container: Object, seen: set[str], path: str) -> list[FieldError]:
    name = container.get("name", "")
    if name and name in seen:
        return [field.duplicate(f"{path}.name", name)]
    seen.add(name)
    return []


def _common(container: Object, volumes: Collection[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    name, image = container.get("name", ""), container.get("image", "")
    if not name:
        errors.append(field.required(f"{path}.name"))
    else:
        errors += [field.invalid(f"{path}.name", name, text) for text in names.is_dns1123_label(name)]
    if not image:
        errors.append(field.required(f"{path}.image"))
    elif image.strip() != image:
        text = "must not have leading or trailing whitespace"
        errors.append(field.invalid(f"{path}.image", image, text))
    for key, supported in (
        ("terminationMessagePolicy", _MESSAGE_POLICIES),
        ("imagePullPolicy", _PULL_POLICIES),
    ):
        if container[key] not in supported:
            errors.append(field.not_supported(f"{path}.{key}", container[key], supported))
    errors += _ports(container.get("ports") or (), f"{path}.ports")
    errors += _environment(container, path)
    errors += _mounts(container.get("volumeMounts") or (), volumes, f"{path}.volumeMounts")
    errors += resources(container.get("resources") or {}, f"{path}.resources")
    security = container.get("securityContext") or {}
    if security.get("privileged") and security.get("allowPrivilegeEscalation") is False:
        text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        errors.append(field.invalid(f"{path}.securityContext", security, text))
    return errors


def _ports(ports: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        where, name = f"{path}[{index}]", port.get("name", "")
        if name:
            problems = names.is_port_name(name)
            errors += [field.invalid(f"{where}.name", name, text) for text in problems]
            if not problems and name in seen:
                errors.append(field.duplicate(f"{where}.name", name))
            seen.add(name)
        if not port.get("containerPort"):
            errors.append(field.required(f"{where}.containerPort"))
        for key in ("containerPort", "hostPort"):
            if port.get(key):
                errors += [
                    field.invalid(f"{where}.{key}", port[key], text)
                    for text in names.is_port_number(port[key])
                ]
        if port["protocol"] not in PROTOCOLS:
            errors.append(field.not_supported(f"{where}.protocol", port["protocol"], PROTOCOLS))
    return errors


def _host_port_conflicts(regular: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[tuple[int, str, str]] = set()
    for index, container in enumerate(regular):
        for place, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = (port["hostPort"], port["protocol"], port.get("hostIP", ""))
            if key in seen:
                shown = f"{port['protocol']}/{port.get('hostIP', '')}/{port['hostPort']}"
                errors.append(field.duplicate(f"{path}[{index}].ports[{place}].hostPort", shown))
            seen.add(key)
    return errors


def _environment(container: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, variable in enumerate(container.get("env") or ()):
        where, name = f"{path}.env[{index}]", variable.get("name", "")
        if not name:
            errors.append(field.required(f"{where}.name"))
        else:
            problems = names.is_relaxed_env_var_name(name)
            errors += [field.invalid(f"{where}.name", name, text) for text in problems]
        source = variable.get("valueFrom")
        if source is None:
            continue
        if variable.get("value"):
            text = "may not be specified when `value` is not empty"
            errors.append(field.invalid(f"{where}.valueFrom", "", text))
        kinds = [kind for kind, value in source.items() if value]
        if not kinds:
            text = (
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` "
                "or `fileKeyRef`"
            )
            errors.append(field.invalid(f"{where}.valueFrom", "", text))
        elif len(kinds) > 1:
            text = "may not have more than one field specified at a time"
            errors.append(field.invalid(f"{where}.valueFrom", "", text))
        for kind in ("configMapKeyRef", "secretKeyRef"):
            reference = source.get(kind)
            if reference:
                errors += [
                    field.required(f"{where}.valueFrom.{kind}.{part}")
                    for part in ("name", "key")
                    if not reference.get(part)
                ]
    return errors


def _mounts(mounts: Sequence[Object], volumes: Collection[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        where, name, place = f"{path}[{index}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            errors.append(field.required(f"{where}.name"))
        if name not in volumes:
            errors.append(field.not_found(f"{where}.name", name))
        if not place:
            errors.append(field.required(f"{where}.mountPath"))
        if place in seen:
            errors.append(field.invalid(f"{where}.mountPath", place, "must be unique"))
        seen.add(place)
        for key in ("subPath", "subPathExpr"):
            inside = mount.get(key, "")
            if inside.startswith("/"):
                errors.append(field.invalid(f"{path}.{key}", inside, "must be a relative path"))
            if ".." in inside.split("/"):
                errors.append(field.invalid(f"{path}.{key}", inside, "must not contain '..'"))
        if mount.get("subPath") and mount.get("subPathExpr"):
            text = "subPathExpr and subPath are mutually exclusive"
            errors.append(field.invalid(f"{where}.subPathExpr", mount["subPathExpr"], text))
    return errors


def resources(requirements: Object, path: str) -> list[FieldError]:
    """Requests and limits of a container or a pod."""
    limits, requests = requirements.get("limits") or {}, requirements.get("requests") or {}
    errors: list[FieldError] = []
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            where = f"{path}.{kind}[{name}]"
            errors += [field.invalid(where, name, text) for text in names.is_qualified_name(name)]
            if "/" not in name and name not in _STANDARD and not name.startswith("hugepages-"):
                text = "must be a standard resource type or fully qualified"
                errors.append(field.invalid(where, name, text))
            if _nanos(amount) < 0:
                text = "must be greater than or equal to 0"
                errors.append(field.invalid(where, str(amount), text))
    for name, amount in requests.items():
        limit, overcommit = limits.get(name), "/" not in name and not name.startswith("hugepages-")
        if limit is None:
            if not overcommit:
                text = "Limit must be set for non overcommitable resources"
                errors.append(field.required(f"{path}.limits", text))
        elif not overcommit and _nanos(amount) != _nanos(limit):
            text = f"must be equal to {name} limit of {limit}"
            errors.append(field.invalid(f"{path}.requests", str(amount), text))
        elif _nanos(amount) > _nanos(limit):
            text = f"must be less than or equal to {name} limit of {limit}"
            errors.append(field.invalid(f"{path}.requests", str(amount), text))
    return errors


_STANDARD: Final = {"cpu", "memory", "ephemeral-storage"}


def _nanos(amount: Any) -> int:
    try:
        return Quantity.parse(str(amount)).nanos
    except QuantityError:
        return 0


def _hooks_and_probes(container: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in ("postStart", "preStop"):
        hook = (container.get("lifecycle") or {}).get(name)
        if hook is not None:
            errors += _handler(hook, f"{path}.lifecycle.{name}")
    for name in _PROBES:
        probe = container.get(name)
        if probe is None:
            continue
        where = f"{path}.{name}"
        errors += _handler(probe, where)
        errors += [
            field.invalid(f"{where}.{count}", probe[count], "must be greater than or equal to 0")
            for count in _COUNTS
            if probe.get(count, 0) < 0
        ]
        if name != "readinessProbe" and probe["successThreshold"] != 1:
            text = "must be 1"
            errors.append(field.invalid(f"{where}.successThreshold", probe["successThreshold"], text))
    return errors


def _handler(handler: Object, path: str) -> list[FieldError]:
    kinds = [kind for kind in _HANDLERS if handler.get(kind) is not None]
    if not kinds:
        return [field.required(path, "must specify a handler type")]
    errors = [
        field.forbidden(f"{path}.{kind}", "may not specify more than 1 handler type") for kind in kinds[1:]
    ]
    kind = kinds[0]
    action, where = handler[kind], f"{path}.{kind}"
    if kind == "exec" and not action.get("command"):
        errors.append(field.required(f"{where}.command"))
    if kind in {"httpGet", "tcpSocket"}:
        errors += port_number_or_name(action.get("port", 0), f"{where}.port")
    if kind == "httpGet" and action["scheme"] not in {"HTTP", "HTTPS"}:
        errors.append(field.not_supported(f"{where}.scheme", action["scheme"], ["HTTP", "HTTPS"]))
    if kind == "grpc":
        port = action.get("port", 0)
        errors += [field.invalid(f"{where}.port", port, text) for text in names.is_port_number(port)]
    return errors


def port_number_or_name(port: Any, path: str) -> list[FieldError]:
    check = names.is_port_name(port) if isinstance(port, str) else names.is_port_number(port)
    return [field.invalid(path, port, text) for text in check]
