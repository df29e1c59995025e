"""--authorization-config: AuthorizationConfiguration, which replaces --authorization-mode."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from kprov.kube.apiserver import configuration
from kprov.kube.apiserver.configuration import ConfigError
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

FILE: Final = configuration.ConfigFile(
    flag="authorization-config",
    kind="AuthorizationConfiguration",
    versions=(
        "apiserver.config.k8s.io/v1",
        "apiserver.config.k8s.io/v1beta1",
        "apiserver.config.k8s.io/v1alpha1",
    ),
    shape={"authorizers": [{"type": str, "name": str, "webhook": dict}]},
)
_KNOWN: Final = ("AlwaysAllow", "AlwaysDeny", "Node", "RBAC")
_UNSUPPORTED: Final = ("ABAC", "Webhook")


def read_modes(options: Namespace) -> list[str]:
    """Return the authorizer types in order, from the file or --authorization-mode. Raise ConfigError."""
    path = options.authorization_config
    if not path:
        return list(options.authorization_mode)
    if options.authorization_mode_given:
        raise ConfigError("--authorization-config can not be specified when --authorization-mode is")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"--{FILE.flag}: {path}: {error.strerror}") from error
    return parse_modes(path, data)


def parse_modes(path: str, data: bytes) -> list[str]:
    """Return the authorizer types in the file. Raise ConfigError."""
    document = configuration.parse(FILE, path, data)
    configuration.raise_errors(FILE, path, validate(document))
    for authorizer in document["authorizers"]:
        kind, name = authorizer["type"], authorizer["name"]
        if name != kind.lower():
            text = f"expected name {kind.lower()} for authorizer {kind} instead of {name}"
            raise ConfigError(f"--{FILE.flag}: {path}: {text}")
    return [entry["type"] for entry in document["authorizers"]]


def validate(document: JsonObject) -> Iterable[FieldError]:
    """Yield the errors of all fields."""
    authorizers = document.get("authorizers") or []
    if not authorizers:
        yield field.required("authorizers", "at least one authorization mode must be defined")
    types: set[str] = set()
    seen: set[str] = set()
    for index, authorizer in enumerate(authorizers):
        at = f"authorizers[{index}]"
        kind, name = authorizer.get("type") or "", authorizer.get("name") or ""
        error = _check_type(kind, types, f"{at}.type")
        if error is not None:
            yield error
            continue
        types.add(kind)
        broken = names.is_dns1123_subdomain(name) if name else []
        if not name:
            yield field.required(f"{at}.name")
        elif name in seen:
            yield field.duplicate(f"{at}.name", name)
        elif broken:
            yield field.invalid(f"{at}.name", name, f"authorizer name is invalid: {', '.join(broken)}")
        seen.add(name)
        if authorizer.get("webhook") is not None:
            yield field.invalid(f"{at}.webhook", "non-null", "may only be specified when type=Webhook")


def _check_type(kind: str, seen: Collection[str], at: str) -> FieldError | None:
    if not kind:
        return field.required(at)
    if kind in _UNSUPPORTED:
        return field.forbidden(at, f"{kind} is not supported by this server; use RBAC")
    if kind not in _KNOWN:
        return field.not_supported(at, kind, list(_KNOWN))
    return field.duplicate(at, kind) if kind in seen else None
