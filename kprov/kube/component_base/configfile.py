"""Component configuration files: YAML with an apiVersion and a kind."""

from pathlib import Path
from typing import Any

from kprov.kube.component_base.run import FatalError


class ConfigError(FatalError):
    """An unusable configuration. The text names the file and the field."""


def load(path: str | Path, api_version: str, kind: str) -> dict[str, Any]:
    """Return the document in the file. ConfigError: it is unreadable, not YAML, or of another kind."""
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(text, Loader=loader)  # noqa: S506  the C form of the safe loader
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected a mapping with apiVersion and kind")
    for field, wanted in (("apiVersion", api_version), ("kind", kind)):
        if document.get(field) != wanted:
            raise ConfigError(f"{path}: {field}: expected {wanted}, found {document.get(field)!r}")
    return document
