"""--admission-control-config-file: an AdmissionConfiguration with a configuration for each of some plugins.

Source: upstream staging/src/k8s.io/apiserver/pkg/admission/config.go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin

Object = Mapping[str, Any]

_VERSIONS: Final = {"apiserver.config.k8s.io/v1", "apiserver.k8s.io/v1alpha1"}


class ConfigurationError(ValueError):
    """A configuration that cannot be used; the text names file, plugin and field."""


class WantsConfiguration(AdmissionPlugin):
    """A plugin that may be configured; `configure` is called once, only when the file has a word for it."""

    def configure(self, source: Object) -> None:
        """Raises ConfigurationError."""
        raise NotImplementedError


def read(path: str, known: Collection[str]) -> dict[str, Object]:
    """Configurations by plugin name. ConfigurationError; OSError."""
    if not path:
        return {}
    file = Path(path)
    document = _parsed(file)
    if document.get("kind") != "AdmissionConfiguration" or document.get("apiVersion") not in _VERSIONS:
        text = f"{path}: expected an AdmissionConfiguration of apiserver.config.k8s.io/v1"
        raise ConfigurationError(text)
    for field in document.keys() - {"kind", "apiVersion", "plugins"}:
        raise ConfigurationError(f'{path}: unknown field "{field}"')
    found: dict[str, Object] = {}
    for index, plugin in enumerate(document.get("plugins") or ()):
        name = plugin.get("name", "")
        if name not in known:
            raise ConfigurationError(
                f'{path}: plugins[{index}].name: no plugin "{name}" that can be configured'
            )
        inner = plugin.get("configuration")
        found[name] = _parsed(file.parent / plugin["path"]) if plugin.get("path") else inner or {}
    return found


def load(source: Object, plugin: str, kind: str, fields: Collection[str]) -> None:
    """Refuse another kind than the plugin's, and fields it does not know."""
    if source.get("kind") not in {kind, None}:
        raise ConfigurationError(f"configuration of {plugin}: kind: expected {kind}, got {source['kind']}")
    for name in source.keys() - {"kind", "apiVersion", *fields}:
        raise ConfigurationError(f'configuration of {plugin}: unknown field "{name}"')


def _parsed(file: Path) -> Object:
    import yaml

    try:
        found = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file}: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{file}: expected a mapping")
    return found
