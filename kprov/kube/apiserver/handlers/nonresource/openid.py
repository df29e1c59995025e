"""OpenID discovery, by which others verify service account tokens: the configuration and the public keys.

Source: upstream pkg/serviceaccount/openidmetadata.go, pkg/routes/openidmetadata.go; RFC 7517 and 7518 (keys).
"""

from __future__ import annotations

import base64
from argparse import Namespace
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kprov.kube.apiserver.authn import service_accounts
from kprov.kube.apiserver.request.negotiation import check_route
from kprov.kube.component_base.http11.response import Response
from kprov.kube.machinery import status
from kprov.kube.machinery.go_text import go_json

CONFIGURATION_PATH: Final = "/.well-known/openid-configuration"
KEYS_PATH: Final = "/openid/v1/jwks"
_MAX_AGE_SECONDS: Final = 3600
_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


class OpenId:
    """Both documents, built once from --service-account-issuer and --service-account-key-file.

    As upstream, there are none if the issuer is not an https URL. Raise OSError for an unreadable key file.
    """

    def __init__(self, options: Namespace, address: str) -> None:
        """address: HOST:PORT of the server for clients, if there is no --service-account-jwks-uri."""
        issuers = list(options.service_account_issuer)
        keys = service_accounts.load_public_keys(list(options.service_account_key_file))
        self._documents: dict[str, tuple[bytes, str]] = {}
        if issuers and keys and is_issuer_url(issuers[0]):
            listed = build_key_set(keys)
            uri = options.service_account_jwks_uri or f"https://{address}{KEYS_PATH}"
            described = build_configuration(issuers[0], uri, listed)
            self._documents = {
                CONFIGURATION_PATH: (go_json.dumps(described), "application/json"),
                KEYS_PATH: (orjson.dumps(listed), "application/jwk-set+json"),
            }

    def list_paths(self) -> list[str]:
        """Return the paths that `answer` serves."""
        return [*self._documents]

    def answer(self, path: str, method: str = "GET", accept: str = "") -> Response | None:
        """Return the response for one of the two paths, or None. Raise StatusError 405 or 406."""
        entry = self._documents.get(path)
        if entry is None:
            return None
        if method != "GET":
            raise status.method_not_allowed()
        body, media_type = entry
        check_route(accept or "*/*", (media_type,))
        cached = f"public, max-age={_MAX_AGE_SECONDS}"
        return Response(body=body, headers={"Content-Type": media_type, "Cache-Control": cached})


def is_issuer_url(text: str) -> bool:
    """OpenID's rule: https, without query and fragment."""
    url = urlsplit(text)
    return url.scheme == "https" and not url.query and not url.fragment


def build_configuration(issuer: str, keys_uri: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Return the part of the provider metadata that verifiers of tokens need."""
    return {
        "issuer": issuer,
        "jwks_uri": keys_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted({key["alg"] for key in keys["keys"]}),
    }


def build_key_set(keys: Iterable[service_accounts.PublicKey]) -> dict[str, Any]:
    """Return a JSON Web Key Set with the key IDs in the headers of tokens."""
    return {"keys": [_build_key(key) for key in keys]}


def _build_key(key: service_accounts.PublicKey) -> dict[str, str]:
    head = {
        "use": "sig",
        "kid": service_accounts.compute_key_id(key),
        "alg": service_accounts.find_algorithm(key),
    }
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        size = (key.key_size + 7) // 8
        exponent = _encode_number(numbers.e, (numbers.e.bit_length() + 7) // 8)
        return head | {"kty": "RSA", "n": _encode_number(numbers.n, size), "e": exponent}
    assert isinstance(key, ec.EllipticCurvePublicKey)
    point = key.public_numbers()
    size = (key.key_size + 7) // 8
    curve = _CURVES[key.curve.name]
    return head | {
        "kty": "EC",
        "crv": curve,
        "x": _encode_number(point.x, size),
        "y": _encode_number(point.y, size),
    }


def _encode_number(number: int, size: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()
