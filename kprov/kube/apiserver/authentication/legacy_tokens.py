"""Tokens of Secrets, without an end: they hold as long as the secret has them.

Each use is told with its day in a label of the secret, by which the cleaner of such tokens goes.
Source: upstream pkg/serviceaccount/legacy.go.
"""

from __future__ import annotations

import binascii
import hmac
import logging
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kprov.kube.apiserver.authentication import token_objects
from kprov.kube.apiserver.authentication.token_claims import RefusedTokenError
from kprov.kube.apiserver.authentication.token_objects import Need, deletion
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.registry.system import system_context
from kprov.kube.machinery import status

log = logging.getLogger(__name__)

Object = dict[str, Any]
ISSUER: Final = "kubernetes/serviceaccount"
#: Set by the cleaner of legacy tokens on what has not been used for long.
_INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
_LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
_CLAIMS: Final = "kubernetes.io/serviceaccount/"
_GONE: Final = "Token has been invalidated"


class LegacyTokens:
    """Looks at the secret and the account each time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def account(self, claims: Object, token: str, needs: list[Need]) -> tuple[str, str, str]:
        """Namespace, name and uid of the account whose token it is. Raises RefusedTokenError."""
        namespace, secret_name, name, uid = _parts(claims)
        secret = await self._find("secrets", namespace, secret_name, needs)
        if secret is None or deletion(secret):
            raise RefusedTokenError(_GONE)
        if not hmac.compare_digest(_held(secret), token.encode()):
            raise RefusedTokenError("Token does not match server's copy")
        account = await self._find("serviceaccounts", namespace, name, needs, uid)
        if account is None:
            raise RefusedTokenError(f'serviceaccounts "{name}" not found')
        if deletion(account):
            raise RefusedTokenError(f"ServiceAccount {namespace}/{name} has been deleted")
        if account["metadata"]["uid"] != uid:
            there = account["metadata"]["uid"]
            raise RefusedTokenError(f"ServiceAccount UID ({there}) does not match claim ({uid})")
        await self._tell_use(secret)
        if (secret["metadata"].get("labels") or {}).get(_INVALID_SINCE):
            raise RefusedTokenError(
                f"the token in secret {namespace}/{secret_name} for service account {namespace}/{name} has "
                "been marked invalid. Use tokens from the TokenRequest API or manually created secret-based "
                f"tokens, or remove the '{_INVALID_SINCE}' label from the secret to temporarily allow use of "
                "this token"
            )
        return namespace, name, uid

    async def _find(
        self, plural: str, namespace: str, name: str, needs: list[Need], uid: str = ""
    ) -> Object | None:
        reference = {"name": name, "uid": uid}
        return await token_objects.find(self._registry, plural, namespace, reference, needs)

    async def _tell_use(self, secret: Object) -> None:
        """Once a day; who asks is not kept waiting for a label that could not be written."""
        meta, now = secret["metadata"], datetime.now(UTC)
        # Another server's clock may have it tomorrow already.
        days = [f"{day:%Y-%m-%d}" for day in (now, now + timedelta(days=1))]
        if (meta.get("labels") or {}).get(_LAST_USED) in days:
            return

        def labelled(current: Object | None) -> Object:
            assert current is not None
            if current["metadata"]["uid"] != meta["uid"]:
                raise status.conflict("secrets", meta["name"], "it is another one")
            return {
                **current,
                "metadata": {
                    **current["metadata"],
                    "labels": {**(current["metadata"].get("labels") or {}), _LAST_USED: days[0]},
                },
            }

        store = self._registry.store("", "secrets")
        context = system_context("patch", store.resource, meta["namespace"], meta["name"])
        try:
            await store.update(context, meta["namespace"], meta["name"], labelled)
        except status.StatusError as error:
            log.warning("the use of %s/%s could not be told: %s", meta["namespace"], meta["name"], error)


def _parts(claims: Object) -> tuple[str, str, str, str]:
    """Namespace, secret, account and its uid. Raises RefusedTokenError."""
    subject = claims.get("sub") or ""
    if not subject:
        raise RefusedTokenError("sub claim is missing")
    found = []
    for claim, name in (
        ("namespace", "namespace"),
        ("secret.name", "secretName"),
        ("service-account.name", "serviceAccountName"),
        ("service-account.uid", "serviceAccountUID"),
    ):
        value = claims.get(f"{_CLAIMS}{claim}") or ""
        if not isinstance(value, str):
            raise status.unauthorized()
        if not value:
            raise RefusedTokenError(f"{name} claim is missing")
        found.append(value)
    namespace, secret, account, uid = found
    if subject != f"system:serviceaccount:{namespace}:{account}":
        raise RefusedTokenError("sub claim is invalid")
    return namespace, secret, account, uid


def _held(secret: Object) -> bytes:
    try:
        return b64decode((secret.get("data") or {}).get("token", ""))
    except binascii.Error:
        return b""
