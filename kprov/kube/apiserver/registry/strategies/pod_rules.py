"""What pods must look like, and what of them may change.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodUpdate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kprov.kube.apiserver.registry.strategies import container_rules
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError

Object = dict[str, Any]

_INT32_MAX: Final = 2**31 - 1
_RESTART: Final = ["Always", "Never", "OnFailure"]
_DNS: Final = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]
_EFFECTS: Final = ["NoExecute", "NoSchedule", "PreferNoSchedule"]
_WHEN_UNSATISFIABLE: Final = ["DoNotSchedule", "ScheduleAnyway"]
_CHANGEABLE: Final = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_spec(spec: Object, path: str = "spec", more_volumes: Sequence[str] = ()) -> list[FieldError]:
    """`more_volumes`: names that a stateful set's claims add."""
    errors, volumes = _volumes(spec.get("volumes") or (), f"{path}.volumes")
    errors += container_rules.containers(spec, {*volumes, *more_volumes}, path)
    if spec["restartPolicy"] not in _RESTART:
        errors.append(field.not_supported(f"{path}.restartPolicy", spec["restartPolicy"], _RESTART))
    if spec["dnsPolicy"] not in _DNS:
        errors.append(field.not_supported(f"{path}.dnsPolicy", spec["dnsPolicy"], _DNS))
    if spec["dnsPolicy"] == "None" and not (spec.get("dnsConfig") or {}).get("nameservers"):
        text = f"must provide at least one DNS nameserver when `dnsPolicy` is {spec['dnsPolicy']}"
        errors.append(field.required(f"{path}.dnsConfig.nameservers", text))
    errors += labels(spec.get("nodeSelector") or {}, f"{path}.nodeSelector")
    for key, check in (
        ("serviceAccountName", names.is_dns1123_subdomain),
        ("nodeName", names.is_dns1123_subdomain),
        ("hostname", names.is_dns1123_label),
        ("subdomain", names.is_dns1123_label),
        ("priorityClassName", names.is_dns1123_subdomain),
        ("runtimeClassName", names.is_dns1123_subdomain),
    ):
        if spec.get(key):
            errors += [field.invalid(f"{path}.{key}", spec[key], text) for text in check(spec[key])]
    seconds = spec.get("activeDeadlineSeconds")
    if seconds is not None and not 1 <= seconds <= _INT32_MAX:
        text = names.range_error(1, _INT32_MAX)
        errors.append(field.invalid(f"{path}.activeDeadlineSeconds", seconds, text))
    errors += _host_network(spec, path)
    errors += tolerations(spec.get("tolerations") or (), f"{path}.tolerations")
    errors += _spread(spec.get("topologySpreadConstraints") or (), f"{path}.topologySpreadConstraints")
    if spec.get("resources"):
        errors += container_rules.resources(spec["resources"], f"{path}.resources")
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if not secret.get("name"):
            errors.append(field.required(f"{path}.imagePullSecrets[{index}].name"))
    return errors


def _volumes(volumes: Sequence[Object], path: str) -> tuple[list[FieldError], set[str]]:
    errors: list[FieldError] = []
    good: set[str] = set()
    for index, volume in enumerate(volumes):
        where, name = f"{path}[{index}]", volume.get("name", "")
        sources = [key for key, source in volume.items() if key != "name" and source is not None]
        found = [
            field.forbidden(f"{where}.{key}", "may not specify more than 1 volume type")
            for key in sources[1:]
        ]
        for key, part in _REQUIRED_PARTS.items():
            if volume.get(key) is not None and not volume[key].get(part):
                found.append(field.required(f"{where}.{key}.{part}"))
        if not name:
            found.append(field.required(f"{where}.name"))
        else:
            found += [field.invalid(f"{where}.name", name, text) for text in names.is_dns1123_label(name)]
        if name in good:
            found.append(field.duplicate(f"{where}.name", name))
        if found:
            errors += found
        else:
            good.add(name)
    return errors, good


_REQUIRED_PARTS: Final = {
    "configMap": "name",
    "secret": "secretName",
    "hostPath": "path",
    "persistentVolumeClaim": "claimName",
    "csi": "driver",
    "nfs": "server",
}


def labels(values: Object, path: str) -> list[FieldError]:
    """A map of labels, such as a node selector."""
    errors: list[FieldError] = []
    for key, value in values.items():
        errors += [field.invalid(path, key, text) for text in names.is_qualified_name(key)]
        errors += [field.invalid(path, value, text) for text in names.is_label_value(value)]
    return errors


def _host_network(spec: Object, path: str) -> list[FieldError]:
    if not spec.get("hostNetwork"):
        return []
    return [
        field.invalid(
            f"{path}.containers[{index}].ports[{place}].hostPort",
            port["hostPort"],
            "must match `containerPort` when `hostNetwork` is true",
        )
        for index, container in enumerate(spec.get("containers") or ())
        for place, port in enumerate(container.get("ports") or ())
        if port.get("hostPort") and port["hostPort"] != port.get("containerPort")
    ]


def tolerations(values: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, toleration in enumerate(values):
        where = f"{path}[{index}]"
        key, operator = toleration.get("key", ""), toleration.get("operator", "")
        effect, value = toleration.get("effect", ""), toleration.get("value", "")
        if key:
            errors += [field.invalid(f"{where}.key", key, text) for text in names.is_qualified_name(key)]
        elif operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            errors.append(field.invalid(f"{where}.operator", operator, text))
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            errors.append(field.invalid(f"{where}.effect", effect, text))
        if operator == "Exists" and value:
            text = "value must be empty when `operator` is 'Exists'"
            errors.append(field.invalid(f"{where}.operator", value, text))
        elif operator in {"", "Equal"}:
            problems = names.is_label_value(value)
            if problems:
                errors.append(field.invalid(f"{where}.operator", value, ";".join(problems)))
        elif operator != "Exists":
            errors.append(field.not_supported(f"{where}.operator", operator, ["Equal", "Exists"]))
        if effect and effect not in _EFFECTS:
            errors.append(field.not_supported(f"{where}.effect", effect, _EFFECTS))
    return errors


def _spread(constraints: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, constraint in enumerate(constraints):
        where = f"{path}[{index}]"
        if constraint.get("maxSkew", 0) < 1:
            text = "must be greater than 0"
            errors.append(field.invalid(f"{where}.maxSkew", constraint.get("maxSkew", 0), text))
        if not constraint.get("topologyKey"):
            errors.append(field.required(f"{where}.topologyKey", "can not be empty"))
        action = constraint.get("whenUnsatisfiable", "")
        if action not in _WHEN_UNSATISFIABLE:
            errors.append(field.not_supported(f"{where}.whenUnsatisfiable", action, _WHEN_UNSATISFIABLE))
    return errors


def pod_update(obj: Object, old: Object) -> list[FieldError]:
    """Images, deadlines, more tolerations and fewer gates; nothing else of the spec changes."""
    spec, before = obj["spec"], old["spec"]
    if spec == before:
        return []
    errors: list[FieldError] = []
    for kind in ("containers", "initContainers"):
        if len(spec.get(kind) or ()) != len(before.get(kind) or ()):
            text = "pod updates may not add or remove containers"
            return [*errors, field.forbidden(f"spec.{kind}", text)]
    errors += _deadline(spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds"))
    errors += _only_added_tolerations(spec, before)
    gates = {gate["name"] for gate in before.get("schedulingGates") or ()}
    added = [gate["name"] for gate in spec.get("schedulingGates") or () if gate["name"] not in gates]
    if added:
        text = f"only deletion is allowed, but found new scheduling gates '{{{added[0]}}}'"
        errors.append(field.forbidden("spec.schedulingGates", text))
    if _fixed(spec, before) != _fixed(before, before):
        text = f"pod updates may not change fields other than {_CHANGEABLE}\n"
        errors.append(
            field.forbidden("spec", text + _difference(_fixed(spec, before), _fixed(before, before)))
        )
    return errors


def _fixed(spec: Object, before: Object) -> Object:
    """The part of a spec that no update changes."""
    fixed = {
        name: value
        for name, value in spec.items()
        if name not in {"activeDeadlineSeconds", "tolerations", "schedulingGates"} and value not in (None, [])
    }
    for kind in ("containers", "initContainers"):
        if fixed.get(kind):
            fixed[kind] = [each | {"image": ""} for each in fixed[kind]]
    seconds = before.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds < 0 and fixed.get("terminationGracePeriodSeconds") == 1:
        fixed["terminationGracePeriodSeconds"] = seconds
    if before.get("schedulingGates"):
        # Where a gated pod may go can still be narrowed.
        fixed.pop("nodeSelector", None)
        affinity = {
            key: value for key, value in (fixed.pop("affinity", None) or {}).items() if key != "nodeAffinity"
        }
        if affinity:
            fixed["affinity"] = affinity
    return fixed


def _difference(new: Object, old: Object) -> str:
    changed = sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))
    return "\n".join(f"spec.{name}" for name in changed)


def _deadline(wanted: int | None, had: int | None) -> list[FieldError]:
    path = "spec.activeDeadlineSeconds"
    if wanted is None:
        if had is None:
            return []
        text = "must not update from a positive integer to nil value"
        return [field.invalid(path, None, text)]
    if had is not None and had < wanted:
        return [field.invalid(path, wanted, "must be less than or equal to previous value")]
    return []


def _only_added_tolerations(spec: Object, before: Object) -> list[FieldError]:
    def identity(toleration: Object) -> Object:
        return {name: value for name, value in toleration.items() if name != "tolerationSeconds"}

    now = [identity(each) for each in spec.get("tolerations") or ()]
    if all(identity(each) in now for each in before.get("tolerations") or ()):
        return []
    text = "existing toleration can not be modified except its tolerationSeconds"
    return [field.forbidden("spec.tolerations", text)]
