"""Payloads of modules that are written for Ansible: detect the kind of a file, and build its payload."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass

from kprov.errors import InputError
from kprov.playbook.ansible_modules import ansible_core
from kprov.playbook.model.ansible_module import AnsibleModule

_NEW_STYLE = re.compile(
    rb"^\s*(?:from\s+(?:ansible(?:_collections\.\w+\.\w+\.plugins)?\.module_utils|ansible_collections\.)"
    rb"|from\s+\.+\w*(?:\.\w+)*\s+import|import\s+ansible(?:_collections\.\w+\.\w+\.plugins)?\.module_utils)",
    re.MULTILINE,
)
_COMMON = b"#<<INCLUDE_ANSIBLE_MODULE_COMMON>>"
_JSONARGS = b"<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"
_POWERSHELL = re.compile(rb"^#(?:Requires|AnsibleRequires) -", re.MULTILINE | re.IGNORECASE)
#: The bytes of texts, as in file(1).
_TEXT = bytes({7, 8, 9, 10, 12, 13, 27} | set(range(0x20, 0x100)) - {0x7F})


@dataclass(frozen=True)
class ModulePayload:
    """The payload of a module. `kind` is one of the agent's module `ansible_module`."""

    kind: str
    data: bytes
    sha256: str
    module: str = ""
    profile: str = ""


def detect_kind(data: bytes) -> str:
    """Return how a module takes its arguments; "powershell" for a module that Linux hosts cannot run."""
    if data[:1024].translate(None, _TEXT):
        return "binary"
    if _COMMON in data or _NEW_STYLE.search(data):
        return "ansiballz"
    if _POWERSHELL.search(data):
        return "powershell"
    if _JSONARGS in data:
        return "jsonargs"
    return "want_json" if b"WANT_JSON" in data else "old"


_lock = threading.Lock()
_packed: dict[AnsibleModule, ModulePayload] = {}


def load_payload(module: AnsibleModule) -> ModulePayload:
    """Return the cached payload of a module. Raises InputError if it cannot be built."""
    with _lock:
        if module not in _packed:
            _packed[module] = _build_payload(module)
        return _packed[module]


def _build_payload(ansible_module: AnsibleModule) -> ModulePayload:
    data = ansible_module.path.read_bytes()
    kind = detect_kind(data)
    check_runnable(ansible_module, kind)
    if kind != "ansiballz":
        return ModulePayload(kind, data, hashlib.sha256(data).hexdigest())
    ansible_core.add_search_paths(ansible_module.folders, ansible_module.collections)
    zipped, module, profile = ansible_core.build_payload(
        ansible_module.name.rpartition(".")[2], ansible_module.path
    )
    return ModulePayload(kind, zipped, hashlib.sha256(zipped).hexdigest(), module, profile)


def check_runnable(module: AnsibleModule, kind: str | None = None) -> None:
    """Raise InputError for a module that cannot run.

    It is for Windows, or it or its action plugin needs ansible-core, which is not installed.
    """
    if module.action is not None:
        if not ansible_core.is_installed():
            raise InputError(
                f"the module {module.name} has a part that runs on the operator's machine "
                f"({module.action}), which needs ansible-core: {ansible_core.INSTALL}"
            )
        return
    kind = kind or detect_kind(module.path.read_bytes())
    if kind == "powershell" or module.path.suffix == ".ps1":
        raise InputError(f"the module {module.name} is for Windows ({module.path}); hosts are Linux")
    if kind == "ansiballz" and not ansible_core.is_installed():
        raise InputError(
            f"the module {module.name} ({module.path}) imports ansible.module_utils, "
            f"which needs ansible-core: {ansible_core.INSTALL}"
        )
