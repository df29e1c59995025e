"""uv installs with the settings that an operator gave pip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from kprov.bundle import uv

LISTING = """\
:env:.timeout='9'
global.cert='/etc/ssl/own.crt'
global.extra-index-url='file:///nowhere/simple https://b.example/simple'
global.index-url='https://a.example/simple'
global.timeout='60'
global.trusted-host='a.example\\nb.example'
install.index-url='https://user:word@c.example/simple'
list.format='columns'
"""


def test_the_environment_wins_over_the_section_install_and_that_over_global() -> None:
    settings = uv.parse_settings(LISTING)
    assert settings["timeout"] == "9"
    assert settings["index-url"] == "https://user:word@c.example/simple"
    assert "format" not in settings


def test_pips_settings_become_uvs_variables() -> None:
    assert uv.translate_settings(uv.parse_settings(LISTING) | {"proxy": "proxy.example:3128"}) == {
        "UV_DEFAULT_INDEX": "https://user:word@c.example/simple",
        "UV_INDEX": "https://b.example/simple",
        "UV_INSECURE_HOST": "a.example b.example",
        "UV_HTTP_TIMEOUT": "9",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/etc/ssl/own.crt",
        "HTTP_PROXY": "http://proxy.example:3128",
        "HTTPS_PROXY": "http://proxy.example:3128",
    }


@pytest.mark.parametrize(("value", "expected"), [("true", "true"), ("1", "1"), ("false", "false")])
def test_no_index_passes_on(value: str, expected: str) -> None:
    assert uv.translate_settings({"no-index": value})["UV_NO_INDEX"] == expected


def test_uv_installs_from_the_folder_of_a_pip_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels, target = tmp_path / "wheels", tmp_path / "target"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "WORD = 1\n")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    configuration = tmp_path / "pip.conf"
    configuration.write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    done = uv.run_uv(["pip", "install", "--target", str(target), "tiny"])
    assert done.returncode == 0, done.stderr
    assert (target / "tiny.py").read_text() == "WORD = 1\n"
