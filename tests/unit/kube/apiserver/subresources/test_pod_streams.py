"""URLs and parameters of exec, attach and portforward."""

from __future__ import annotations

from kprov.kube.apiserver.streaming.kubelet import KubeletAddress
from kprov.kube.apiserver.subresources import pod_streams as streams


def test_the_kubelets_url_of_a_pod_and_a_container() -> None:
    address = KubeletAddress("fd00::1", 10250)
    url = streams.build_url(address, "exec", "ns", "p", "c", [("output", "1"), ("command", "a b")])
    assert url == "https://[fd00::1]:10250/exec/ns/p/c?command=a+b&output=1"
    assert streams.build_url(address, "portForward", "ns", "p") == "https://[fd00::1]:10250/portForward/ns/p"


def test_requested_streams_have_the_kubelets_names() -> None:
    query = {"stdin": "true", "stdout": "1", "stderr": "false", "tty": "true"}
    assert streams.build_query(query) == [("input", "1"), ("output", "1"), ("tty", "1")]
