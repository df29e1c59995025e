"""The network configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.kube.cri_docker.network.configuration import NetworkList, load_network, parse_network


def test_a_list() -> None:
    text = '{"cniVersion": "0.4.0", "name": "n", "plugins": [{"type": "bridge"}, {"type": "portmap"}]}'
    assert parse_network(text) == NetworkList("n", "0.4.0", ({"type": "bridge"}, {"type": "portmap"}))


def test_a_single_plugin() -> None:
    network = parse_network('{"name": "n", "type": "bridge", "mtu": 9}')
    assert network == NetworkList("n", "0.1.0", ({"name": "n", "type": "bridge", "mtu": 9},))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"name": "n"}',
        '{"name": "n", "plugins": []}',
        '{"type": "a"}',
        '{"name": "n", "type": "../a"}',
    ],
)
def test_what_is_not_valid(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the text may be json's
        parse_network(text)


def test_the_first_valid_file_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "00-notes.txt").write_text('{"name": "text", "type": "a"}')
    (tmp_path / "10-broken.conf").write_text("{")
    (tmp_path / "20-good.conflist").write_text('{"name": "good", "plugins": [{"type": "a"}]}')
    (tmp_path / "30-other.conf").write_text('{"name": "other", "type": "a"}')
    network = load_network(tmp_path)
    assert network is not None
    assert network.name == "good"
    assert "10-broken.conf" in caplog.text


def test_no_configuration(tmp_path: Path) -> None:
    assert load_network(tmp_path) is None
    assert load_network(tmp_path / "missing") is None
