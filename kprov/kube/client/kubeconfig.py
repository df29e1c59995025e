"""kubeconfig files, and the service account mounted in a pod (clientcmd, rest.InClusterConfig)."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kprov.kube.client.errors import ClientError
from kprov.kube.component_base.run import FatalError

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class KubeconfigError(ClientError, FatalError):
    """An unusable kubeconfig. The text names file and field."""


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """The server's address and the client's credentials. Data wins over files, as in clientcmd."""

    server: str
    namespace: str = "default"
    ca_file: str = ""
    ca_data: bytes = b""
    cert_file: str = ""
    cert_data: bytes = b""
    key_file: str = ""
    key_data: bytes = b""
    token: str = ""
    token_file: str = ""
    tls_server_name: str = ""
    insecure: bool = False

    @property
    def watched_files(self) -> tuple[str, ...]:
        """Files whose change means new credentials."""
        return tuple(name for name in (self.ca_file, self.cert_file, self.key_file, self.token_file) if name)

    def without_credentials(self) -> "ClientConfig":
        """Return the same server for another user (rest.AnonymousClientConfig)."""
        return replace(self, cert_file="", cert_data=b"", key_file="", key_data=b"", token="", token_file="")


def load(path: str | Path, context: str = "") -> ClientConfig:
    """Return the current or the named context of a file. Paths are relative to its folder."""
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8")
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  safe in C
    except OSError as error:
        raise KubeconfigError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise KubeconfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(document, dict):
        raise KubeconfigError(f"{path}: expected a mapping with clusters, users and contexts")
    name = context or document.get("current-context") or ""
    chosen = _find_named(document, "contexts", name, path).get("context") or {}
    cluster = _find_named(document, "clusters", chosen.get("cluster", ""), path).get("cluster") or {}
    user = (
        _find_named(document, "users", chosen["user"], path).get("user") or {} if chosen.get("user") else {}
    )
    if not cluster.get("server"):
        raise KubeconfigError(f"{path}: clusters[{chosen.get('cluster')}].cluster.server is missing")
    folder = Path(path).resolve().parent
    return ClientConfig(
        server=str(cluster["server"]).rstrip("/"),
        namespace=chosen.get("namespace") or "default",
        ca_file=_file_path(cluster, "certificate-authority", folder),
        ca_data=_decode_data(cluster, "certificate-authority-data", path),
        cert_file=_file_path(user, "client-certificate", folder),
        cert_data=_decode_data(user, "client-certificate-data", path),
        key_file=_file_path(user, "client-key", folder),
        key_data=_decode_data(user, "client-key-data", path),
        token=user.get("token") or "",
        token_file=_file_path(user, "tokenFile", folder),
        tls_server_name=cluster.get("tls-server-name") or "",
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
    )


def in_cluster() -> ClientConfig:
    """Return the configuration in a pod: KUBERNETES_SERVICE_HOST and the mounted token."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise KubeconfigError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined in a pod")
    return ClientConfig(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ca_file=str(_SERVICE_ACCOUNT / "ca.crt"),
        token_file=str(_SERVICE_ACCOUNT / "token"),
        namespace=(_SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip(),
    )


def _find_named(document: Mapping[str, Any], section: str, name: str, path: str | Path) -> Mapping[str, Any]:
    for entry in document.get(section) or []:
        if entry.get("name") == name:
            return dict(entry)
    raise KubeconfigError(f"{path}: {section}: there is no {name!r}")


def _file_path(section: Mapping[str, Any], field: str, folder: Path) -> str:
    name = section.get(field)
    return str(folder / name) if name else ""


def _decode_data(section: Mapping[str, Any], field: str, path: str | Path) -> bytes:
    try:
        return base64.b64decode(section.get(field) or "", validate=True)
    except ValueError as error:
        raise KubeconfigError(f"{path}: {field}: not base64") from error
