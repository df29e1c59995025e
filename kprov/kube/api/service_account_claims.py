"""The claims of service account tokens.

Source: upstream pkg/serviceaccount/claims.go, legacy.go and RFC 7519.
"""

from typing import Final

import msgspec

_LEGACY: Final = "kubernetes.io/serviceaccount/"

Seconds = int | float | None


class ObjectReference(msgspec.Struct):
    name: str | None = None
    uid: str | None = None


class PrivateClaim(msgspec.Struct):
    """The claim kubernetes.io."""

    namespace: str | None = None
    serviceaccount: ObjectReference | None = None
    pod: ObjectReference | None = None
    secret: ObjectReference | None = None
    node: ObjectReference | None = None
    warnafter: Seconds = None


class RegisteredClaims(msgspec.Struct):
    """The claims of RFC 7519."""

    iss: str | None = None
    sub: str | None = None
    aud: str | list[str] = ""
    jti: str | None = None
    exp: Seconds = None
    nbf: Seconds = None
    iat: Seconds = None


class Claims(RegisteredClaims):
    private: PrivateClaim | None = msgspec.field(default=None, name="kubernetes.io")


class LegacyClaims(RegisteredClaims):
    """The claims of a token that is stored in a secret."""

    namespace: str | None = msgspec.field(default=None, name=f"{_LEGACY}namespace")
    secret: str | None = msgspec.field(default=None, name=f"{_LEGACY}secret.name")
    account: str | None = msgspec.field(default=None, name=f"{_LEGACY}service-account.name")
    uid: str | None = msgspec.field(default=None, name=f"{_LEGACY}service-account.uid")
