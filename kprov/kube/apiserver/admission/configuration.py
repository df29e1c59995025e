"""--admission-control-config-file: an AdmissionConfiguration with configurations of plugins.

Source: upstream staging/src/k8s.io/apiserver/pkg/admission/config.go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin
from kprov.kube.apiserver.configuration import find_problems
from kprov.kube.machinery.json_object import JsonMapping

_VERSIONS: Final = ("apiserver.config.k8s.io/v1", "apiserver.k8s.io/v1alpha1")
_SHAPE: Final = {"plugins": [{"name": str, "path": str, "configuration": dict}]}


class ConfigurationError(ValueError):
    """An invalid configuration. The text names file, plugin and field."""


class WantsConfiguration(AdmissionPlugin):
    """A plugin with a configuration. `configure` is called once if the file has one for it."""

    def configure(self, source: JsonMapping) -> None:
        """Raise ConfigurationError."""
        raise NotImplementedError

    def configure_default(self) -> None:
        """Configure the plugin without a file. Raise ConfigurationError if it needs one."""


def read_configurations(path: str, known: Collection[str]) -> dict[str, JsonMapping]:
    """Return the configurations in the file by plugin name. Raise ConfigurationError, OSError."""
    if not path:
        return {}
    file = Path(path)
    document = _parse_file(file)
    if document.get("kind") != "AdmissionConfiguration" or document.get("apiVersion") not in _VERSIONS:
        text = f"{path}: expected an AdmissionConfiguration of apiserver.config.k8s.io/v1"
        raise ConfigurationError(text)
    _raise_problems(path, find_problems(document, _SHAPE))
    configurations: dict[str, JsonMapping] = {}
    for index, plugin in enumerate(document.get("plugins") or ()):
        name = plugin.get("name", "")
        if name not in known:
            raise ConfigurationError(
                f'{path}: plugins[{index}].name: no plugin "{name}" that can be configured'
            )
        if plugin.get("path"):
            configurations[name] = _parse_file(file.parent / plugin["path"])
        elif plugin.get("configuration") is not None:
            configurations[name] = plugin["configuration"]
    return configurations


def check_configuration(
    source: JsonMapping, plugin: str, kinds: Mapping[str, str], shape: Mapping[str, Any]
) -> None:
    """Check the kind and the fields of a configuration. Raise ConfigurationError.

    kinds: the kind by apiVersion, newest first. shape: of the fields, see apiserver.configuration.
    """
    version, kind = source.get("apiVersion"), source.get("kind")
    if not isinstance(version, str) or kinds.get(version) != kind or kind is None:
        newest = next(iter(kinds))
        raise ConfigurationError(
            f"configuration of {plugin}: expected kind {kinds[newest]} of apiVersion {' or '.join(kinds)}, "
            f"found kind {kind!r} of apiVersion {version!r}"
        )
    _raise_problems(f"configuration of {plugin}", find_problems(source, shape))


def _raise_problems(where: str, wrong: Iterable[str]) -> None:
    """Raise ConfigurationError with all problems, if there are any."""
    told = "; ".join(wrong)
    if told:
        raise ConfigurationError(f"{where}: {told}")


def _parse_file(file: Path) -> JsonMapping:
    import yaml

    try:
        document = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file}: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{file}: expected a mapping")
    return document
