"""Authentication (certificates, tokens) and authorization (SubjectAccessReview) of requests."""

import hashlib
import logging
import time
from dataclasses import dataclass, field
from typing import Any, Final

from kprov.kube.client import ClientError, RestClient
from kprov.kube.kubelet.config.configuration import KubeletConfiguration

log = logging.getLogger(__name__)

_VERBS: Final = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_TOKEN_TTL: Final = 120.0
_CACHE_SIZE: Final = 4096


@dataclass(frozen=True)
class User:
    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict, hash=False)


ANONYMOUS: Final = User("system:anonymous", ("system:unauthenticated",))


def list_subresources(path: str) -> list[str]:
    """Return the subresources of ``nodes`` that a path needs. Permission for one of them is enough."""
    if path.startswith("/stats"):
        return ["stats"]
    if path.startswith("/metrics"):
        return ["metrics"]
    if path.startswith("/logs"):
        return ["log"]
    if path.startswith("/checkpoint"):
        return ["checkpoint"]
    if path in {"/pods", "/pods/", "/runningpods/", "/runningpods"}:
        return ["pods", "proxy"]
    if path.startswith("/healthz"):
        return ["healthz", "proxy"]
    if path.startswith("/configz"):
        return ["configz", "proxy"]
    return ["proxy"]


def get_verb(method: str) -> str:
    return _VERBS.get(method, "")


class KubeletAuth:
    def __init__(self, config: KubeletConfiguration, client: RestClient | None) -> None:
        self._config = config
        self._client = client
        self._tokens: dict[str, tuple[float, User | None]] = {}
        self._decisions: dict[tuple[str, tuple[str, ...], str, str], tuple[float, bool]] = {}

    async def authenticate(self, certificate: dict[str, Any] | None, authorization: str) -> User | None:
        """``certificate`` as ssl returns a verified one. None: the request is not authenticated."""
        if certificate:
            return _read_user(certificate)
        if authorization.lower().startswith("bearer ") and self._config.webhook_authentication:
            return await self._authenticate_token(authorization[7:].strip())
        return ANONYMOUS if self._config.anonymous else None

    async def _authenticate_token(self, token: str) -> User | None:
        key = hashlib.sha256(token.encode()).hexdigest()
        known = self._tokens.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if self._client is None:
            return None
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token},
        }
        try:
            answer = await self._client.resource("authentication.k8s.io", "v1", "tokenreviews").create(review)
        except ClientError as error:
            log.warning("reviewing a token: %s", error)
            return None
        status, user = answer.get("status") or {}, None
        if status.get("authenticated"):
            user_info = status.get("user") or {}
            user = User(
                user_info.get("username", ""),
                tuple(user_info.get("groups") or ()),
                user_info.get("uid", ""),
                user_info.get("extra") or {},
            )
        _store(self._tokens, key, (time.monotonic() + _TOKEN_TTL, user))
        return user

    async def authorize(self, user: User, method: str, path: str) -> bool:
        if self._config.authorization_mode == "AlwaysAllow":
            return True
        verb = get_verb(method)
        for part in list_subresources(path):
            if await self._review_access(user, verb, part):
                return True
        return False

    async def _review_access(self, user: User, verb: str, part: str) -> bool:
        key = (user.name, user.groups, verb, part)
        known = self._decisions.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if self._client is None:
            return False
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user.name,
                "groups": list(user.groups),
                "uid": user.uid,
                "extra": user.extra,
                "resourceAttributes": {
                    "verb": verb,
                    "version": "v1",
                    "resource": "nodes",
                    "subresource": part,
                    "name": self._config.node_name,
                },
            },
        }
        try:
            answer = await self._client.resource("authorization.k8s.io", "v1", "subjectaccessreviews").create(
                review
            )
        except ClientError as error:
            log.warning("reviewing the access of %s: %s", user.name, error)
            # The last decision holds while the API server cannot be reached.
            return known is not None and known[1]
        allowed = bool((answer.get("status") or {}).get("allowed"))
        lifetime = self._config.authorized_ttl if allowed else self._config.unauthorized_ttl
        _store(self._decisions, key, (time.monotonic() + lifetime, allowed))
        return allowed


def _store(cache: dict[Any, Any], key: Any, value: Any) -> None:
    cache.pop(key, None)
    while len(cache) >= _CACHE_SIZE:
        del cache[next(iter(cache))]
    cache[key] = value


def _read_user(certificate: dict[str, Any]) -> User:
    name, groups = "", ["system:authenticated"]
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                name = str(value)
            elif key == "organizationName":
                groups.append(str(value))
    return User(name, tuple(groups))
