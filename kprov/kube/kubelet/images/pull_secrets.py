"""Credentials for registries from pull secrets (kubernetes.io/dockerconfigjson and dockercfg)."""

import base64
import logging
from collections.abc import Sequence
from typing import Any

import orjson

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.images.image_names import get_registry
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)


def find_credentials(image: str, secrets: Sequence[JsonObject]) -> list[pb.AuthConfig]:
    """Return the credentials that the secrets have for the image's registry."""
    registry = get_registry(image)
    auth_configs: list[pb.AuthConfig] = []
    for secret in secrets:
        for server, entry in _read_servers(secret).items():
            host = server.removeprefix("https://").removeprefix("http://").split("/", 1)[0]
            if host in {registry, f"index.{registry}"}:
                auth_configs.append(_make_auth(entry, server))
    return auth_configs


def _read_servers(secret: JsonObject) -> dict[str, Any]:
    """Return the entries of a secret by server."""
    data = secret.get("data") or {}
    try:
        if ".dockerconfigjson" in data:
            return orjson.loads(base64.b64decode(data[".dockerconfigjson"])).get("auths") or {}
        if ".dockercfg" in data:
            return orjson.loads(base64.b64decode(data[".dockercfg"])) or {}
    except (ValueError, AttributeError) as error:
        log.warning("ignoring pull secret %s: %s", secret["metadata"].get("name"), error)
    return {}


def _make_auth(entry: dict[str, Any], server: str) -> pb.AuthConfig:
    username, password = entry.get("username", ""), entry.get("password", "")
    if not username and entry.get("auth"):
        username, _, password = base64.b64decode(entry["auth"]).decode(errors="replace").partition(":")
    return pb.AuthConfig(
        username=username,
        password=password,
        server_address=server,
        identity_token=entry.get("identitytoken", ""),
        registry_token=entry.get("registrytoken", ""),
    )
