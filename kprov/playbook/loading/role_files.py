"""The files of roles: find a role, and load its variables, meta and argument specs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kprov import suggestions
from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.playbook.ansible_modules.finder import find_collection_folder
from kprov.playbook.ansible_modules.search import ModuleSearch
from kprov.playbook.loading.problems import MissingError
from kprov.playbook.model.plays import Node
from kprov.playbook.model.search_paths import SearchPaths

_META = {"dependencies", "allow_duplicates", "galaxy_info", "argument_specs", "collections", "requirements"}
_SUFFIXES = (".yml", ".yaml", ".json", "")


def role_name(name: str) -> str:
    """Return the name of a role as the file has it; for a path its last part."""
    return Path(name).name if Path(name).expanduser().is_absolute() else name


def role_search_folders(directory: Path, paths: SearchPaths, parent: Node) -> list[Path]:
    """Return the search folders of a play's roles in order; `parent` is the node that names the role.

    `roles` beside the playbook or in its parent folder, the configured paths, the folder of the role that
    names it, the folder of the playbook, and ./roles.
    """
    beside = [ancestor.role.path.parent for ancestor in parent.chain() if ancestor.role is not None]
    folders = [directory / "roles", directory.parent / "roles", *paths.roles, *beside, directory]
    return list(dict.fromkeys([*folders, Path.cwd() / "roles"]))


def find_role(name: str, folders: list[Path], place: tuple[str, int | None]) -> Path:
    """Return the folder of a role, from search folders or an absolute path. Raises InputError."""
    for candidate in (
        [Path(name).expanduser()] if Path(name).is_absolute() else [folder / name for folder in folders]
    ):
        if candidate.is_dir():
            return candidate.resolve()
    there = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_dir()]
    hint = suggestions.hint(name, there)
    if name.count(".") == 2:
        collection = name.rpartition(".")[0]
        hint += f"; if it is a role of a collection: ansible-galaxy collection install {collection}"
    raise MissingError(
        f"the role {name!r} was not found in {', '.join(map(str, folders))}{hint}",
        file=place[0],
        line=place[1],
        field="roles",
    )


def find_collection_role(name: str, search: ModuleSearch) -> tuple[str, Path] | None:
    """Return the full name and the folder of a role of an installed collection, or None.

    A name without a collection is searched in the collections of the keyword `collections`.
    """
    candidates = [f"{collection}.{name}" for collection in search.named]
    for full_name in [name, *candidates] if name.count(".") >= 2 else candidates:
        namespace, collection, *parts = full_name.split(".")
        folder = find_collection_folder(f"{namespace}.{collection}", search.collections)
        if folder is not None and all(part.isidentifier() for part in parts):
            path = (folder / "roles").joinpath(*parts)
            if path.is_dir():
                return full_name, path.resolve()
    return None


def collect_collections(about: dict[str, Any], full_name: str) -> list[str]:
    """Return the collections that a role's tasks search: its own, and those of its meta."""
    own = [".".join(full_name.split(".")[:2])] if full_name else []
    listed = about.get("collections")
    named = listed if isinstance(listed, list) else [listed] if listed else []
    return list(dict.fromkeys([*own, *map(str, named)]))


def strip_ending(name: Any) -> str:
    """Return the name of a role's file without its ending; "main" for nothing."""
    return str(name or "main").removesuffix(".yml").removesuffix(".yaml")


def find_file(folder: Path, name: str) -> Path | None:
    """Return a file of a role's folder with any of the known endings."""
    return next(
        (folder / f"{name}{suffix}" for suffix in _SUFFIXES if (folder / f"{name}{suffix}").is_file()), None
    )


def load_variables(folder: Path, name: str = "main", *, needed: bool = False) -> dict[str, Any]:
    """Load variables of a role's folder: a file, or a folder of files in alphabetical order."""
    path = find_file(folder, name)
    paths = [path] if path else []
    if not paths and (folder / name).is_dir():
        paths = sorted(
            inner for inner in (folder / name).rglob("*") if inner.suffix in (".yml", ".yaml", ".json")
        )
    if needed and not paths:
        raise InputError(f"the file {name} does not exist in {folder}", file=str(folder))
    variables: dict[str, Any] = {}
    for file in paths:
        document = yaml_file.load_shared(file)
        if document is not None and not isinstance(document, dict):
            raise InputError("must be a mapping", file=file, line=1)
        variables.update(document or {})
    return variables


def load_meta(path: Path) -> dict[str, Any]:
    """Load meta/main.yml of a role. Raises InputError for unknown keys."""
    meta = load_variables(path / "meta")
    for key in meta:
        if key not in _META:
            raise InputError(
                f"{key!r} is not a key of a role's meta",
                file=find_file(path / "meta", "main"),
                line=yaml_file.line_of(meta, key),
            )
    return meta


def load_argument_spec(path: Path, entry_point: str) -> dict[str, Any] | None:
    """Load the argument spec of a role's entry point: {"options", "short_description", ...}, or None."""
    specs = find_file(path / "meta", "argument_specs")
    document = yaml_file.load_shared(specs) if specs else None
    if document is not None and not isinstance(document, dict):
        raise InputError("must be a mapping with argument_specs", file=specs, line=1)
    meta = (document or {}).get("argument_specs") or load_variables(path / "meta").get("argument_specs") or {}
    if not isinstance(meta, dict):
        raise InputError("must be a mapping of entry points", file=specs, field="argument_specs")
    spec = meta.get(entry_point)
    if spec is not None and not isinstance(spec, dict):
        raise InputError(
            "an argument spec must be a mapping", file=specs, field=f"argument_specs.{entry_point}"
        )
    return spec
