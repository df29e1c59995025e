"""Configuration files for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.contract.scheduler.plugin_sets import expand_point
from kprov.contract.scheduler.profiles import API_VERSION
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.scheduler.configuration.document import KIND, Configuration, load


def read(tmp_path: Path, **fields: Any) -> Configuration:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND} | fields))
    return load(str(path))


def read_problems(tmp_path: Path, **fields: Any) -> list[str]:
    """Without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, **fields)
    return [line.removeprefix(f"{tmp_path}/config.yaml: ") for line in str(caught.value).splitlines()]


def list_plugins(tmp_path: Path, point: str, **plugins: Any) -> list[tuple[str, int]]:
    profile = read(tmp_path, profiles=[{"plugins": plugins}]).profiles[0]
    return [(plugin.name, plugin.weight) for plugin in expand_point(profile.plugins, point)]
