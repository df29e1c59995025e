"""Service account tokens for pods, requested from the API server and renewed in time (pkg/kubelet/token)."""

import random
import time
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.client import RestClient
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.machinery import timestamps

_MAX_AGE: Final = 24 * 3600.0
_JITTER: Final = 10.0


@dataclass(slots=True)
class _Token:
    text: str
    issued: float
    expires: float
    jitter: float

    @property
    def needs_renewal(self) -> bool:
        """True after 80 % of its life or after a day, spread over 10 s."""
        now = time.time() + self.jitter
        lifetime = self.expires - self.issued
        return now > self.issued + 0.8 * lifetime or now > self.issued + _MAX_AGE


class TokenManager:
    def __init__(self, client: RestClient | None) -> None:
        self._client = client
        self._tokens: dict[tuple[PodUID, str, int, str], _Token] = {}

    async def get_token(self, pod: Pod, projection: dict[str, Any]) -> str:
        """Return a token bound to the pod. If the request for a new one fails, the old one until it expires.

        Raises VolumeError.
        """
        audience = projection.get("audience") or ""
        seconds = int(projection.get("expirationSeconds") or 3600)
        account = pod.spec.service_account_name or "default"
        key = (pod.uid, audience, seconds, account)
        token = self._tokens.get(key)
        if token is not None and not token.needs_renewal:
            return token.text
        if self._client is None:
            raise VolumeError("cannot fetch a service account token without an API server")
        try:
            token = self._tokens[key] = await self._request(pod, account, audience, seconds)
        except Exception as error:
            if token is not None and token.expires > time.time():
                return token.text
            text = f"failed to fetch token: {error}"
            raise VolumeError(text) from error
        return token.text

    def forget_pod(self, uid: PodUID) -> None:
        for key in [key for key in self._tokens if key[0] == uid]:
            del self._tokens[key]

    async def _request(self, pod: Pod, account: str, audience: str, seconds: int) -> _Token:
        assert self._client is not None
        meta = pod.metadata
        spec: dict[str, Any] = {
            "audiences": [audience] if audience else None,
            "expirationSeconds": seconds,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta.name, "uid": meta.uid},
        }
        if not audience:
            del spec["audiences"]
        answer = await self._client.resource("", "v1", "serviceaccounts").create(
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
            namespace=meta.namespace,
            name=account,
            subresource="token",
        )
        status = answer["status"]
        expires = timestamps.seconds(status["expirationTimestamp"])
        jitter = random.random() * _JITTER  # noqa: S311  spreading load
        return _Token(status["token"], time.time(), expires, jitter)
