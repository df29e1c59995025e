"""Use an installed ansible-core: find its modules, and build payloads of modules with their imports."""

from __future__ import annotations

import ast
import base64
import importlib
import importlib.util
import shutil
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kprov.errors import InputError

#: How to install ansible-core, for modules and filters that are written for Ansible.
INSTALL = "install it beside kprov, pip install 'ansible-core>=2.19'"
_lock = threading.RLock()
_begun = False
_folders: set[Path] = set()
_collections: set[Path] = set()


def is_installed() -> bool:
    """Whether ansible-core can be imported."""
    return importlib.util.find_spec("ansible") is not None


def find_module_file(name: str) -> Path | None:
    """Return the file of a module of ansible.builtin."""
    spec = importlib.util.find_spec("ansible")
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    paths = (Path(folder) / "modules" / f"{name}.py" for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def add_search_paths(folders: Iterable[Path], collections: Iterable[Path]) -> None:
    """Let ansible-core search module_utils of these folders (plays, roles), and these collections."""
    global _begun  # noqa: PLW0603  ansible-core's own settings are of the process, too
    with _lock:
        loader: Any = importlib.import_module("ansible.plugins.loader")
        paths = [path for path in collections if (path / "ansible_collections").is_dir()]
        if not _begun:
            loader.init_plugin_loader([str(path) for path in paths])
            _begun = True
            _collections.update(paths)
        new = [path for path in paths if path not in _collections]
        if new:
            config: Any = importlib.import_module("ansible.utils.collection_loader").AnsibleCollectionConfig
            finder = config.collection_finder
            _collections.update(new)
            # A later playbook may have other versions of imported collections: import them again.
            finder._n_configured_paths = [*map(str, new), *finder._n_configured_paths]
            for name in [name for name in sys.modules if name.startswith("ansible_collections.")]:
                if not name.startswith("ansible_collections.ansible"):
                    del sys.modules[name]
            finder.set_playbook_paths([])
        for folder in folders:
            if folder not in _folders and folder.is_dir():
                _folders.add(folder)
                loader.add_all_plugin_dirs(str(folder))


def build_payload(name: str, path: Path) -> tuple[bytes, str, str]:
    """Return a zip of a module with the module_utils that it imports, its name in the zip, and its profile.

    Raises InputError when ansible-core cannot build it.
    """
    with _lock:
        try:
            text = _build_wrapper(name, path)
        except Exception as error:  # Compiling and importing may raise anything.
            raise InputError(f"the module {name} cannot be packed: {error}", file=path) from None
    try:
        call = next(
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_ansiballz_main"
        )
        constants = {
            word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)
        }
        data = base64.b64decode(str(constants["zip_data"]))
        return data, str(constants["module_fqn"]), str(constants["profile"])
    except (StopIteration, KeyError):
        version = importlib.import_module("ansible.release").__version__
        raise InputError(
            f"ansible-core {version} packs modules in a way that is not known here; 2.19 is supported",
            file=path,
        ) from None


def _build_wrapper(name: str, path: Path) -> str:
    """Return the program that ansible-core makes of a module; it contains the zip."""
    common: Any = importlib.import_module("ansible.executor.module_common")
    templar: Any = importlib.import_module("ansible.template").Templar
    loader: Any = importlib.import_module("ansible.parsing.dataloader").DataLoader
    variables = {"ansible_python_interpreter": "/usr/bin/python3"}
    built = common.modify_module(
        module_name=name,
        module_path=str(path),
        module_args={},
        templar=templar(loader=loader(), variables=variables),
        task_vars=variables,
        module_compression="ZIP_DEFLATED",
    )
    # ansible-core caches by the name of the module; playbooks may have different modules of one name.
    settings: Any = importlib.import_module("ansible.constants")
    shutil.rmtree(Path(settings.DEFAULT_LOCAL_TMP) / "ansiballz_cache", ignore_errors=True)
    return str(built.b_module_data.decode())
