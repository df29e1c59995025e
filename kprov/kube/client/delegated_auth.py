"""Authentication and authorization on a component's own port, delegated to the API server.

TokenReview identifies a bearer token, SubjectAccessReview authorizes its user. Decisions are cached for 10 s.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any, Final

import orjson

from kprov.kube.client.errors import ClientError
from kprov.kube.client.rest import RestClient
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response
from kprov.kube.component_base.serving import peer_identity

log = logging.getLogger(__name__)

_CACHE_SECONDS: Final = 10.0
_MASTERS: Final = "system:masters"
_VERBS: Final = {"GET": "get", "HEAD": "head", "POST": "post", "PUT": "put", "DELETE": "delete"}

User = tuple[str, tuple[str, ...]]


class DelegatedAuth:
    """`HealthServer(authorize=DelegatedAuth(client))`: client certificates, bearer tokens, anonymous.

    open_paths: paths for everybody. A * at the end of one stands for all paths that begin so.
    """

    def __init__(self, client: RestClient, open_paths: Sequence[str] = ()) -> None:
        self._client = client
        self._open_paths = open_paths
        self._decisions: dict[tuple[Any, ...], tuple[float, bool]] = {}

    async def __call__(self, request: Request) -> Response | None:
        """None for an allowed request, else the refusal, as upstream's: 401, 403 or 500."""
        if any(_is_path_of(request.path, pattern) for pattern in self._open_paths):
            return None
        verb = _VERBS.get(request.method, "get")
        try:
            user = await self._authenticate(request)
            if user is None:
                return _refuse(401, "Unauthorized", "Unauthorized")
            if await self._is_allowed(user, verb, request.path):
                return None
        except ClientError as error:
            log.warning("cannot authorize %s %s: %s", verb, request.path, error)
            return _refuse(500, "InternalError", "Internal Server Error: the API server does not answer")
        return _refuse(403, "Forbidden", f'forbidden: User "{user[0]}" cannot {verb} path "{request.path}"')

    async def _authenticate(self, request: Request) -> User | None:
        name, groups = peer_identity(request)
        if name:
            return name, (*groups, "system:authenticated")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return "system:anonymous", ("system:unauthenticated",)
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        answer = await self._client.request(
            "POST", "/apis/authentication.k8s.io/v1/tokenreviews", body=review
        )
        status = orjson.loads(answer).get("status") or {}
        if not status.get("authenticated"):
            return None
        user = status.get("user") or {}
        return user.get("username", ""), tuple(user.get("groups") or ())

    async def _is_allowed(self, user: User, verb: str, path: str) -> bool:
        name, groups = user
        if _MASTERS in groups:
            return True
        key = (name, groups, verb, path)
        at, allowed = self._decisions.get(key, (0.0, False))
        if time.monotonic() - at < _CACHE_SECONDS:
            return allowed
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": name,
                "groups": list(groups),
                "nonResourceAttributes": {"verb": verb, "path": path},
            },
        }
        url = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        answer = orjson.loads(await self._client.request("POST", url, body=review))
        allowed = bool((answer.get("status") or {}).get("allowed"))
        if len(self._decisions) > 1000:
            self._decisions.clear()
        self._decisions[key] = (time.monotonic(), allowed)
        return allowed


def _refuse(code: int, reason: str, message: str) -> Response:
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return Response(orjson.dumps(status), status=code, headers={"Content-Type": "application/json"})


def _is_path_of(path: str, pattern: str) -> bool:
    prefix = pattern.removesuffix("*")
    return path.startswith(prefix) if prefix != pattern else path == pattern
