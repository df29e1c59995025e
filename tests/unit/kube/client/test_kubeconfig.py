"""kubeconfig files."""

from pathlib import Path

import pytest

from kprov.kube.client import KubeconfigError
from kprov.kube.client.kubeconfig import load

TEXT = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:8443/", certificate-authority: pki/ca.crt}}]
users: [{name: u, user: {client-certificate: /abs/c.crt, client-key-data: a2V5, tokenFile: token}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: here}}]
current-context: x
"""


def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(TEXT)
    config = load(path)
    assert config.server == "https://127.0.0.1:8443"
    assert config.ca_file == str(tmp_path / "pki/ca.crt")
    assert config.cert_file == "/abs/c.crt"
    assert config.key_data == b"key"
    assert config.namespace == "here"
    assert config.watched_files == (config.ca_file, "/abs/c.crt", str(tmp_path / "token"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("current-context: x", "current-context: y"), "contexts: there is no 'y'"),
        (("server:", "sever:"), r"clusters\[c\].cluster.server is missing"),
        (("a2V5", "a2V"), "client-key-data: not base64"),
        (("apiVersion: v1", "- ["), "not YAML"),
    ],
)
def test_a_broken_file_is_named_with_its_field(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    path = tmp_path / "config"
    path.write_text(TEXT.replace(*change))
    with pytest.raises(KubeconfigError, match=complaint):
        load(path)
