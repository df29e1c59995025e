"""What an archive must not hold is masked, and found if it was not masked."""

from __future__ import annotations

import base64
import json

import pytest

from kprov.inventory.secrets import MASK
from kprov.operations.diagnose.redaction import find_secrets, redact_objects, redact_text, register_key

KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBkg4LVWM9nuwNSk3yByxZpYRTBnVJk5GkMNpQ==\n-----END EC PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06YWRtaW4ifQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"before\n{KEY}\nafter", f"before\n{MASK}\nafter"),
        ("Authorization: Bearer 0123456789abcdef", f"Authorization: Bearer {MASK}"),
        (f"token is {JWT}", f"token is {MASK}"),
        ("password: hunter22", f"password: {MASK}"),
        ('"client-secret": "x y"', f'"client-secret": "{MASK}"'),
        ("    auth_pass abcdefgh", f"    auth_pass {MASK}"),
        ("kubelet --token abcdef.0123456789abcdef --v=2", f"kubelet --token {MASK} --v=2"),
        ("http://operator:hunter22@proxy:3128/", f"http://operator:{MASK}@proxy:3128/"),
        ("client-key-data: LS0tLS1CRUdJTi", f"client-key-data: {MASK}"),
    ],
)
def test_secrets_are_masked(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted
    assert find_secrets(redacted) == []


@pytest.mark.parametrize(
    "text",
    [
        "--token-auth-file=/etc/kubernetes/tokens.csv",
        "--service-account-key-file=/etc/kubernetes/pki/sa.pub",
        "initial-cluster-token: cluster.local",
        "automountServiceAccountToken: true",
        "https://10.0.0.11:6443/api/v1?user=a@b",
        "the current revision of auth store",
    ],
)
def test_other_settings_stay(text: str) -> None:
    assert redact_text(text) == text


def test_a_key_in_base64_is_masked_and_a_certificate_is_not() -> None:
    key = base64.b64encode(KEY.encode()).decode()
    certificate = base64.b64encode(KEY.replace("EC PRIVATE KEY", "CERTIFICATE").encode()).decode()
    assert find_secrets(f"data: {key}") == ["a private key in base64"]
    assert redact_text(f"a {key} b {certificate}") == f"a {MASK} b {certificate}"


def test_values_of_environment_variables_and_the_applied_configuration_are_removed() -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "everything again", "owner": "me"}
    env = [{"name": "PLAIN", "value": "hunter22"}, {"name": "REF", "valueFrom": {"secretKeyRef": {}}}]
    document = {"items": [{"metadata": {"annotations": applied}, "spec": {"containers": [{"env": env}]}}]}
    pod = json.loads(redact_objects(json.dumps(document)))["items"][0]
    assert pod["metadata"]["annotations"] == {"owner": "me"}
    assert pod["spec"]["containers"][0]["env"] == [{"name": "PLAIN", "value": MASK}, env[1]]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (KEY, "a private key"),
        ("authorization: bearer 0123456789", "a bearer token"),
        (JWT, "a JWT"),
        ("https://me:hunter22@host", "a password in a URL"),
    ],
)
def test_a_secret_that_is_left_is_found(text: str, kind: str) -> None:
    assert find_secrets(f"line\n{text}\nline") == [kind]


def test_a_line_of_a_known_key_is_found_without_its_frame() -> None:
    register_key(KEY)
    assert find_secrets("x MHcCAQEEIBkg4LVWM9nuwNSk3yByxZpYRTBnVJk5GkMNpQ== y") == [
        "a secret of the inventory"
    ]
