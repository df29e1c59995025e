"""Dumps values of an inventory as YAML: encrypted values as !vault, texts without templates as !unsafe."""

from __future__ import annotations

from typing import Any

import yaml

from kprov.inventory.vault.vault_format import Secret, Undecrypted, Unsafe
from kprov.inventory.yaml_file import Mapping, Sequence


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper with the types of yaml_file, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_vault(dumper: yaml.SafeDumper, value: Secret | Undecrypted) -> yaml.Node:
    return dumper.represent_scalar("!vault", value.ciphertext, style="|")


_Dumper.add_representer(Secret, _represent_vault)
_Dumper.add_representer(Undecrypted, _represent_vault)
_Dumper.add_representer(Unsafe, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value)))
_Dumper.add_representer(Mapping, lambda dumper, value: dumper.represent_dict(value))
_Dumper.add_representer(Sequence, lambda dumper, value: dumper.represent_list(value))


def dump_yaml(value: Any) -> str:
    """Dump a value with sorted keys."""
    return str(yaml.dump(value, Dumper=_Dumper, default_flow_style=False, allow_unicode=True))
