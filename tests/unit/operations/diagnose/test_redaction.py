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
        ("the server rejects abcdef.0123456789abcdef.", f"the server rejects {MASK}."),
        ("['join', 'abcdef.0123456789abcdef']", f"['join', '{MASK}']"),
        (
            "ExecStart=/usr/bin/mysql -u root -phunter22 -e x",
            f"ExecStart=/usr/bin/mysql -u root -p{MASK} -e x",
        ),
        ("mysqldump -p'hunter 22' --all; ls", f"mysqldump -p{MASK} --all; ls"),
        (r'"cmd": "mysql -p\"hunter 22\" db"', f'"cmd": "mysql -p{MASK} db"'),
        ("['mariadb-admin', '-phunter22', 'ping']", f"['mariadb-admin', '-p{MASK}', 'ping']"),
        ("sshpass -p hunter22 ssh -p 22 host", f"sshpass -p {MASK} ssh -p 22 host"),
        ("podman login -u me -p hunter22 host", f"podman login -u me -p {MASK} host"),
        ("mongosh -u me -p hunter22", f"mongosh -u me -p {MASK}"),
        ("redis-cli -h host -a hunter22 ping", f"redis-cli -h host -a {MASK} ping"),
        ("curl -su me:hunter22 https://host", f"curl -su me:{MASK} https://host"),
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
        "controller.abcdef.0123456789abcdef.example.org",
        "my-worker.17b1c0ffee123456 is an event",
        "mysql -u root -p database; mkdir -p /srv; ssh -p2222 host",
        "mysql.service: started with -pidfile",
        "curl -u me https://host:6443/",
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


def test_a_password_among_the_words_of_a_container_is_masked() -> None:
    probe = {"exec": {"command": ["mysqladmin", "ping", "-phunter22"]}}
    container = {"command": ["/usr/bin/mysql"], "args": ["-u", "root", "-phunter22"], "livenessProbe": probe}
    shell = {"command": ["sh", "-c", 'mysql -p"hunter 22" db'], "args": None}
    document = {"items": [{"spec": {"containers": [container, shell]}}]}
    first, second = json.loads(redact_objects(json.dumps(document)))["items"][0]["spec"]["containers"]
    assert (first["command"], first["args"]) == (["/usr/bin/mysql"], ["-u", "root", f"-p{MASK}"])
    assert first["livenessProbe"]["exec"]["command"] == ["mysqladmin", "ping", f"-p{MASK}"]
    assert second == {"command": ["sh", "-c", f"mysql -p{MASK} db"], "args": None}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (KEY, "a private key"),
        ("authorization: bearer 0123456789", "a bearer token"),
        (JWT, "a JWT"),
        ("https://me:hunter22@host", "a password in a URL"),
        ("abcdef.0123456789abcdef", "a bootstrap token"),
    ],
)
def test_a_secret_that_is_left_is_found(text: str, kind: str) -> None:
    assert find_secrets(f"line\n{text}\nline") == [kind]


def test_a_line_of_a_known_key_is_found_without_its_frame() -> None:
    register_key(KEY)
    assert find_secrets("x MHcCAQEEIBkg4LVWM9nuwNSk3yByxZpYRTBnVJk5GkMNpQ== y") == [
        "a secret of the inventory"
    ]
