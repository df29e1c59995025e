"""Find a secret of a pod that its service account does not allow.

Source: upstream plugin/pkg/admission/serviceaccount/admission.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject

_KINDS: Final = (("initContainers", "init container"), ("containers", "container"))
_EPHEMERAL: Final = (("ephemeralContainers", "ephemeral container"),)


def find_problem(account: Mapping[str, Any], spec: JsonObject, *, only_ephemeral: bool) -> str:
    """Return the message for the first such secret, or ""."""
    allowed = {reference.get("name") for reference in account.get("secrets") or ()}
    name = account["metadata"]["name"]
    end = f"is not allowed because service account {name} does not reference that"
    if not only_ephemeral:
        for volume in spec.get("volumes") or ():
            secret = (volume.get("secret") or {}).get("secretName")
            if volume.get("secret") is not None and secret not in allowed:
                return f'volume with secret.secretName="{secret}" {end} secret'
    for kind, word in _EPHEMERAL if only_ephemeral else _KINDS:
        for container in spec.get(kind) or ():
            for how, secret in _list_environment_secrets(container):
                if secret not in allowed:
                    used = f'{word} {container["name"]} with {how} referencing secret.secretName="{secret}"'
                    return f"{used} {end} secret"
    return "" if only_ephemeral else _find_pull_problem(account, spec, end)


def _find_pull_problem(account: Mapping[str, Any], spec: JsonObject, end: str) -> str:
    pulled = {reference.get("name") for reference in account.get("imagePullSecrets") or ()}
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if secret.get("name") not in pulled:
            return f'imagePullSecrets[{index}].name="{secret.get("name")}" {end} imagePullSecret'
    return ""


def _list_environment_secrets(container: JsonObject) -> list[tuple[str, str]]:
    """(use, secret) for each secret of the environment."""
    uses = []
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
        if reference is not None:
            uses.append((f"envVar {variable['name']}", reference.get("name", "")))
    references = (source.get("secretRef") for source in container.get("envFrom") or ())
    return uses + [
        ("envFrom", secret_reference.get("name", ""))
        for secret_reference in references
        if secret_reference is not None
    ]
