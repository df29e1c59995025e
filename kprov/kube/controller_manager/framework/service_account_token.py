"""Tokens of a controller's service account: TokenRequest makes them, they are replaced before they expire.

Source: upstream staging/src/k8s.io/controller-manager/pkg/clientbuilder/client_builder_dynamic.go.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import orjson

from kprov.kube.client import ApiError, ClientError, RestClient

log = logging.getLogger(__name__)

NAMESPACE: Final = "kube-system"

_EXPIRATION_SECONDS: Final = 3600
# The part of its life after which a token is replaced.
_USED_PART: Final = 0.8
# A shorter life comes from a wrong clock: servers issue no such tokens.
_SHORTEST_LIFE_SECONDS: Final = 600.0
_TRIES: Final = 4
_FIRST_PAUSE_SECONDS: Final = 0.5


class ServiceAccountToken:
    """The token source of one account in kube-system. `client` creates the account if it is missing.

    clock: seconds since any time.
    """

    def __init__(
        self, client: RestClient, account: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._account = account
        self._clock = clock
        self._token = ""
        self._replace_at = 0.0
        self._lock = asyncio.Lock()

    async def get_token(self) -> str:
        """Return a token with at least a fifth of its life left. Raises ApiError and TransportError.

        If the server issues no new token, the old one serves on.
        """
        if self._is_fresh():
            return self._token
        async with self._lock:
            if not self._is_fresh():
                try:
                    await self._replace()
                except ClientError as error:
                    if not self._token:
                        raise
                    log.warning("cannot replace the token of %s/%s: %s", NAMESPACE, self._account, error)
        return self._token

    def forget(self, token: str) -> None:
        """Drop the token if no newer one has replaced it."""
        if token == self._token:
            self._token = ""

    def _is_fresh(self) -> bool:
        return bool(self._token) and self._clock() < self._replace_at

    async def _replace(self) -> None:
        """Request a token, at most four times."""
        pause = _FIRST_PAUSE_SECONDS
        for attempt in range(1, _TRIES + 1):
            try:
                await self._ensure_account()
                await self._request()
            except ClientError as error:
                if attempt == _TRIES or self._token:
                    raise
                log.warning("cannot get a token of %s/%s: %s", NAMESPACE, self._account, error)
                await asyncio.sleep(pause)
                pause *= 2
            else:
                return

    async def _ensure_account(self) -> None:
        accounts = self._client.resource("", "v1", "serviceaccounts")
        try:
            await accounts.get(self._account, namespace=NAMESPACE)
        except ApiError as error:
            if not error.is_not_found:
                raise
            body = {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": self._account, "namespace": NAMESPACE},
            }
            try:
                await accounts.create(body, namespace=NAMESPACE)
            except ApiError as failure:
                if not failure.is_already_exists:
                    raise

    async def _request(self) -> None:
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{self._account}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _EXPIRATION_SECONDS},
        }
        status = orjson.loads(await self._client.request("POST", path, body=body))["status"]
        expires = datetime.fromisoformat(status["expirationTimestamp"]).timestamp()
        life = max(expires - time.time(), _SHORTEST_LIFE_SECONDS)
        self._token = status["token"]
        self._replace_at = self._clock() + life * _USED_PART
