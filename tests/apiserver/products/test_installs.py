"""Whole installations of other projects, from the same folders: PRODUCT/install/*.yaml.

kubectl applies them on the server's side, as their own instructions say. Their workloads become ready on a fake
kubelet. The run writes PRODUCT.install.json beside the folder.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.apiserver.clients.kubectl import Kubectl, new_namespace
from tests.apiserver.controllers import governed_server
from tests.apiserver.fake_kubelet import fake_kubelet
from tests.apiserver.products.documents import read_documents
from tests.apiserver.products.test_products import FOLDER
from tests.apiserver.servers import ApiServer

_CONTROLLERS: Final = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
)


def _list_installs() -> list[Path]:
    folder = os.environ.get(FOLDER)
    return sorted(path.parent for path in Path(folder).glob("*/install")) if folder else []


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with governed_server(tmp_path_factory.mktemp("installs"), *_CONTROLLERS) as server, fake_kubelet(server):
        yield server


@pytest.mark.parametrize("product", _list_installs(), ids=lambda path: path.name)
def test_an_installation_is_accepted_and_becomes_ready(governed: ApiServer, product: Path) -> None:
    kubectl = new_namespace(governed)
    folder = str(product / "install")
    kinds = Counter(document["kind"] for document in read_documents(product / "install"))
    assert kinds
    done = kubectl.run("apply", "--server-side", "-f", folder)
    applied = [line for line in done.stdout.splitlines() if line.endswith("serverside-applied")]
    report = {"objects": kinds.total(), "accepted": len(applied), "kinds": dict(sorted(kinds.items()))}
    report["refused"] = done.stderr.splitlines()
    product.with_name(f"{product.name}.install.json").write_text(json.dumps(report, indent=2))
    assert done.returncode == 0, done.stderr
    assert len(applied) == kinds.total()
    _become_ready(kubectl)
    assert kubectl.run("diff", "--server-side", "-f", folder).returncode == 0
    kubectl("delete", "-f", folder, "--timeout=60s")


def _become_ready(kubectl: Kubectl) -> None:
    for workload in kubectl("get", "deployments,statefulsets", "-o", "name").splitlines():
        kubectl("rollout", "status", workload, "--timeout=60s")
