"""Names, addresses and endpoints of proxies."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.subresources import proxy
from kprov.kube.machinery.status import StatusError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web", ("", "web", "")),
        ("web:http", ("", "web", "http")),
        ("https:web:443", ("https", "web", "443")),
        ("https:web:", ("https", "web", "")),
    ],
)
def test_a_proxied_name_has_scheme_name_and_port(text: str, expected: tuple[str, str, str]) -> None:
    assert proxy.split_name(text, "service") == expected


@pytest.mark.parametrize("text", ["ftp:web:21", ":80", "a:b:c:d"])
def test_an_invalid_proxied_name_is_rejected(text: str) -> None:
    with pytest.raises(StatusError, match="invalid service request"):
        proxy.split_name(text, "service")


def test_a_pod_without_a_port_is_reached_on_its_first_port() -> None:
    pod = {
        "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [{"containerPort": 8080}]}]},
        "status": {"podIPs": [{"ip": "10.1.0.7"}]},
    }
    assert proxy.build_pod_url(pod, "", "") == "http://10.1.0.7:8080"
    assert proxy.build_pod_url(pod, "https", "443") == "https://10.1.0.7:443"


@pytest.mark.parametrize("ip", ["127.0.0.1", "169.254.1.1", "0.0.0.0", "", "::1", "::ffff:127.0.0.1"])
def test_a_pod_with_a_local_address_is_not_proxied_to(ip: str) -> None:
    with pytest.raises(StatusError, match="address not allowed"):
        proxy.build_pod_url({"spec": {}, "status": {"podIPs": [{"ip": ip}] if ip else []}}, "", "80")


def test_ready_endpoints_are_listed_by_the_name_of_the_port() -> None:
    endpoints = {
        "subsets": [
            {
                "addresses": [{"ip": "10.1.0.1"}],
                "notReadyAddresses": [{"ip": "10.1.0.2"}],
                "ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9090}],
            }
        ]
    }
    assert proxy.list_endpoints(endpoints, "http") == [({"ip": "10.1.0.1"}, 8080)]
    service = {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 80}]}}
    assert proxy.find_port_name(service, 80) == "http"
    with pytest.raises(StatusError) as caught:
        proxy.find_port_name(service, 81)
    assert caught.value.message == 'no service port 81 found for service "web"'
