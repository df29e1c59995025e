"""Defaults that depend on other variables are those of the roles."""

from __future__ import annotations

from kprov.inventory.cluster.variables import ClusterVariables


def test_the_folder_of_certificates_is_in_the_folder_of_the_configuration() -> None:
    assert ClusterVariables(kube_config_dir="/srv/kubernetes").kube_cert_dir == "/srv/kubernetes/pki"
    assert ClusterVariables(kube_cert_dir="/srv/certificates").kube_cert_dir == "/srv/certificates"


def test_the_domain_is_the_name_of_the_cluster() -> None:
    assert ClusterVariables(cluster_name="a.example").dns_domain == "a.example"
    assert ClusterVariables(cluster_name="a.example", dns_domain="b.example").dns_domain == "b.example"
