"""What the server tells others so that they can verify service account tokens."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kprov.kube.apiserver.authn.service_accounts import compute_key_id, find_algorithm
from kprov.kube.apiserver.handlers.nonresource import openid

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("private", [RSA, EC], ids=["rsa", "ec"])
def test_a_token_is_verified_with_the_published_key(private: Any) -> None:
    public = private.public_key()
    (key,) = jwt.PyJWKSet.from_dict(openid.build_key_set([public])).keys
    assert key.key_id == compute_key_id(public)
    token = jwt.encode({"sub": "a"}, private, algorithm=find_algorithm(public))
    assert jwt.decode(token, key.key, algorithms=[find_algorithm(public)]) == {"sub": "a"}


def options(tmp_path: Path, issuer: str) -> Namespace:
    file = tmp_path / "sa.pub"
    file.write_bytes(RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return Namespace(
        service_account_issuer=[issuer], service_account_key_file=[str(file)], service_account_jwks_uri=""
    )


def body(found: openid.OpenId, path: str) -> Any:
    answer = found.answer(path)
    assert answer is not None
    assert isinstance(answer.body, bytes)
    return orjson.loads(answer.body)


def test_the_configuration_names_issuer_and_keys(tmp_path: Path) -> None:
    found = openid.OpenId(options(tmp_path, "https://kubernetes.default.svc"), "10.0.0.1:6443")
    assert body(found, "/.well-known/openid-configuration") == {
        "issuer": "https://kubernetes.default.svc",
        "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    assert body(found, "/openid/v1/jwks")["keys"][0]["kty"] == "RSA"
    assert found.answer("/openid") is None


@pytest.mark.parametrize("issuer", ["kubernetes", "http://a", "https://a?q=1", "https://a#f"])
def test_an_issuer_that_is_no_https_url_has_no_documents(tmp_path: Path, issuer: str) -> None:
    found = openid.OpenId(options(tmp_path, issuer), "a:1")
    assert found.answer("/openid/v1/jwks") is None
