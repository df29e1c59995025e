"""The metrics of the controller manager, also of upstream's (KPROV_TEST_CONTROLLER_MANAGER)."""

from __future__ import annotations

import os
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.controllers import TESTED, controllers
from tests.apiserver.servers import ApiServer, free_port
from tests.unit.kube.controller_manager.test_registry_queue_names import QUEUES

#: Upstream's queues for which there is none here: of its port's certificates, of controllers that are not written,
#: and of a distribution's.
_OTHERS: Final = frozenset(
    {
        "DynamicCABundle-csr-controller",
        "DynamicServingCertificateController",
        "horizontalpodautoscaler",
        "service_ca_cert_publisher",
    }
)


@pytest.fixture(scope="module")
def port(server: ApiServer) -> Iterator[int]:
    """The port of a manager with all controllers, whose metrics everybody may read."""
    certificate, key = server.authority.issue("signing", "signing")
    found = free_port()
    flags = (
        *("--bind-address=127.0.0.1", f"--secure-port={found}"),
        "--authorization-always-allow-paths=/healthz,/metrics",
        *("--allocate-node-cidrs", "--cluster-cidr=10.244.0.0/16"),
        f"--root-ca-file={server.authority.file}",
        f"--service-account-private-key-file={server.folder / 'sa.key'}",
        *(f"--cluster-signing-cert-file={certificate}", f"--cluster-signing-key-file={key}"),
    )
    names = ("*", "bootstrap-signer-controller", "token-cleaner-controller", "selinux-warning-controller")
    with controllers(server, *names, flags=flags):
        yield found


def _list_queues(port: int) -> set[str]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/metrics", context=context) as answer:
            text = answer.read().decode()
    except OSError:
        return set()
    return {
        sample.labels["name"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "workqueue_depth"
    }


def test_the_work_queues_have_upstreams_names(port: int) -> None:
    known = {name for names in QUEUES.values() for name in names if name}
    main = {names[0] for names in QUEUES.values() if names[0]}
    found = eventually(lambda: queues if main <= (queues := _list_queues(port)) else None, 60)
    if TESTED in os.environ:
        known |= _OTHERS
    assert found <= known
