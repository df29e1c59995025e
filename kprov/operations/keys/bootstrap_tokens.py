"""Bootstrap tokens: secrets bootstrap-token-ID of kube-system, as kubeadm makes them.

Source: k8s.io/cluster-bootstrap/token and kubeadm's bootstraptoken API.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import secrets
import shlex
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kprov.errors import InputError
from kprov.operations.cluster import Cluster
from kprov.operations.remote import get_objects, run_kubectl

NAMESPACE = "kube-system"
TYPE = "bootstrap.kubernetes.io/token"
DEFAULT_GROUP = "system:bootstrappers:kubeadm:default-node-token"
USAGES = ("authentication", "signing")
_PREFIX = "bootstrap-token-"
_ALPHABET = string.ascii_lowercase + string.digits
_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_ID = re.compile(r"[a-z0-9]{6}")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class BootstrapToken:
    """A token without its secret part. `expires` is empty for one that does not expire."""

    identity: str
    expires: str
    usages: tuple[str, ...]
    groups: tuple[str, ...]
    description: str

    @property
    def is_expired(self) -> bool:
        """Whether the API servers refuse it by now."""
        return bool(self.expires) and self.expires <= dt.datetime.now(dt.UTC).strftime(_TIME)


def create_token(
    cluster: Cluster,
    *,
    life: dt.timedelta | None,
    usages: Iterable[str] = USAGES,
    groups: Iterable[str] = (DEFAULT_GROUP,),
    description: str = "",
) -> str:
    """Create a token, ID.SECRET, that is valid for `life` (None: until it is deleted). Raises KprovError."""
    identity, private = _choose(6), _choose(16)
    data = {"token-id": identity, "token-secret": private}
    data |= _make_usages(usages)
    groups = tuple(groups)
    for group in groups:
        if not _GROUP.fullmatch(group):
            raise InputError(f"{group!r} does not begin with system:bootstrappers:", field="--group")
    if groups:
        data["auth-extra-groups"] = ",".join(groups)
    if description:
        data["description"] = description
    if life is not None:
        data["expiration"] = (dt.datetime.now(dt.UTC) + life).strftime(_TIME)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{_PREFIX}{identity}", "namespace": NAMESPACE},
        "type": TYPE,
        "stringData": data,
    }
    run_kubectl(cluster, "create -f -", json.dumps(secret))
    return f"{identity}.{private}"


def list_tokens(cluster: Cluster) -> list[BootstrapToken]:
    """Return the tokens, the first to expire first. Raises KprovError."""
    documents = get_objects(cluster, f"secrets -n {NAMESPACE} --field-selector=type={TYPE}")["items"]
    return sorted(
        map(_parse, documents), key=lambda token: (not token.expires, token.expires, token.identity)
    )


def delete_token(cluster: Cluster, token: str) -> None:
    """Delete a token by its ID or as a whole. Raises KprovError."""
    match = _TOKEN.fullmatch(token)
    identity = match[1] if match else token
    if not _ID.fullmatch(identity):
        raise InputError("a token is ID.SECRET or ID, with 6 and 16 characters of a-z and 0-9", field="TOKEN")
    run_kubectl(cluster, f"delete secret -n {NAMESPACE} {shlex.quote(_PREFIX + identity)}")


def _make_usages(usages: Iterable[str]) -> dict[str, str]:
    for usage in usages:
        if usage not in USAGES:
            raise InputError(f"{usage!r} is not one of {', '.join(USAGES)}", field="--usage")
    return {f"usage-bootstrap-{usage}": "true" for usage in usages}


def _choose(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _parse(document: dict[str, Any]) -> BootstrapToken:
    data = {
        key: base64.b64decode(value).decode("utf-8", "replace")
        for key, value in (document.get("data") or {}).items()
    }
    return BootstrapToken(
        identity=data.get("token-id", document["metadata"]["name"].removeprefix(_PREFIX)),
        expires=data.get("expiration", ""),
        usages=tuple(usage for usage in USAGES if data.get(f"usage-bootstrap-{usage}") == "true"),
        groups=tuple(group for group in data.get("auth-extra-groups", "").split(",") if group),
        description=data.get("description", ""),
    )
