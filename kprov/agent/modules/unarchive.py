"""ansible.builtin.unarchive: zip archives, and all that the host's tar can read."""

from __future__ import annotations

import os
import shutil
import ssl
import urllib.request
import zipfile
from typing import Any, Union

from kprov.agent import temporary_files as temporary
from kprov.agent.archives.tar_archive import TarArchive
from kprov.agent.archives.zip_archive import ZipArchive
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import disk_space, paths
from kprov.agent.files.attributes import set_attributes

_NAMES = {"type": "list", "elements": "str", "default": []}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "src": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "remote_src": {"type": "bool", "default": False},
    "creates": {"type": "path"},
    "list_files": {"type": "bool", "default": False},
    "keep_newer": {"type": "bool", "default": False},
    "exclude": _NAMES,
    "include": _NAMES,
    "extra_opts": _NAMES,
    "validate_certs": {"type": "bool", "default": True},
    "io_buffer_size": {"type": "int", "default": 65536},
    "copy": {"type": "bool"},
    "decrypt": {"type": "bool", "default": True},
}
RULES: dict[str, Any] = {
    "diff": True,
    "file_arguments": True,
    "mutually_exclusive": [["include", "exclude"], ["copy", "remote_src"]],
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Unpack an archive below `dest` if something there differs; `_sha256` is an archive of the operator."""
    dest, creates = args["dest"], args["creates"]
    if creates and paths.exists(creates):
        return {"changed": False, "skipped": True, "msg": f"skipped, since {creates} exists"}
    if not paths.is_folder(dest):
        raise ModuleError(f"dest '{dest}' must be an existing dir")
    src, is_temporary = _find_archive(args, context)
    try:
        return _unpack(src, os.path.abspath(dest), args, context)
    finally:
        if is_temporary:
            os.unlink(src)


def _find_archive(args: dict[str, Any], context: Context) -> tuple[str, bool]:
    """Return the path of the archive, and whether it is a temporary file."""
    if args.get("_sha256") is not None:
        return context.content_file(args["_sha256"]), True
    src = args["src"]
    if "://" in src:
        return _download(src, verify=args["validate_certs"]), True
    if not paths.exists(src):
        raise ModuleError(f"Source '{src}' does not exist")
    if not os.access(src, os.R_OK):
        raise ModuleError(f"Source '{src}' not readable")
    return os.path.abspath(src), False


def _download(url: str, *, verify: bool) -> str:
    tls_context = ssl.create_default_context()
    if not verify:
        tls_context.check_hostname = False
        tls_context.verify_mode = ssl.CERT_NONE
    handle, path = temporary.make_file()
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urllib.request.urlopen(url, timeout=60, context=tls_context) as response,
        ):
            shutil.copyfileobj(response, file)
    except (OSError, ValueError) as error:
        os.unlink(path)
        raise ModuleError(f"Failure downloading {url}, {error}") from None
    return path


def _unpack(src: str, dest: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    source_name = args.get("_src") or args["src"]
    if os.stat(src).st_size == 0:
        raise ModuleError(f"Invalid archive '{source_name}', the file is 0 bytes")
    archive: Union[TarArchive, ZipArchive] = (ZipArchive if zipfile.is_zipfile(src) else TarArchive)(
        src, dest, args
    )
    result: dict[str, Any] = {"handler": archive.handler, "dest": args["dest"], "src": source_name}
    changed = archive.differs()
    if archive.diff():
        result["diff"] = {"prepared": archive.diff()}
    if changed and not context.check:
        extraction = result["extract_results"] = archive.extract()
        if extraction["rc"]:
            cause = (extraction["err"] or extraction["out"]).strip().partition("\n")[0]
            text = f"failed to unpack {source_name} to {args['dest']}: {cause}"
            text += (
                "" if "No space" in cause or "Read-only" in cause else disk_space.explain_write_failure(dest)
            )
            raise ModuleError(text, **{**paths.path_info(dest), **result})
        # Write all files to the disk before the task reports success.
        os.sync()
    if not context.check:
        for name in _add_top_folders(archive.names):
            path = os.path.join(dest, name)
            changed = set_attributes(path, args, check=False, follow=False) or changed
    result["changed"] = changed
    if args["list_files"]:
        result["files"] = archive.names
    return {**result, **paths.path_info(dest)}


def _add_top_folders(names: list[str]) -> list[str]:
    return list(dict.fromkeys([*names, *(name.split("/")[0] for name in names if "/" in name)]))
