# Paths are used as the texts they arrive as.
# ruff: noqa: PTH101, PTH108, PTH110, PTH112, PTH114, PTH115, PTH118, PTH202
"""ansible.builtin.unarchive: tar archives (any compression) and zip, from the operator or of this host."""

from __future__ import annotations

import os
import tarfile
import zipfile
from typing import Any

from kprov.agent import files
from kprov.agent.context import Context, ModuleError, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Unpack below `dest`; nothing to do when `creates` is there or every member is as archived."""
    dest = args["dest"]
    creates = args.get("creates")
    if creates and os.path.exists(creates):
        return {"changed": False, "dest": dest, "msg": f"skipped, since {creates} exists", "skipped": True}
    if not os.path.isdir(dest):
        if context.check:
            return {"changed": True, "dest": dest}
        raise ModuleError(f"dest '{dest}' must be an existing dir")
    remote = truth(args.get("remote_src"))
    if context.check and creates:
        return {"changed": True, "dest": dest}
    path = args["src"] if remote else context.content_file(args["_sha256"])
    try:
        changed = (
            _zip(path, dest, args, context) if zipfile.is_zipfile(path) else _tar(path, dest, args, context)
        )
    finally:
        if not remote:
            os.unlink(path)
    return {
        "changed": changed,
        "dest": dest,
        "src": args.get("src"),
        "state": "directory",
        **files.describe(dest),
    }


def _inside(dest: str, name: str) -> str:
    path = os.path.normpath(os.path.join(dest, name))
    if path != os.path.normpath(dest) and not path.startswith(os.path.normpath(dest) + os.sep):
        raise ModuleError(f"the archive has a member outside of its folder: {name}")
    return path


def _differs(member: tarfile.TarInfo, path: str) -> bool:
    try:
        now = os.lstat(path)
    except OSError:
        return True
    if member.isdir():
        return not os.path.isdir(path)
    if member.issym():
        return not os.path.islink(path) or os.readlink(path) != member.linkname
    return member.isreg() and (now.st_size != member.size or int(now.st_mtime) != int(member.mtime))


def _tar(path: str, dest: str, args: dict[str, Any], context: Context) -> bool:
    try:
        archive = tarfile.open(path, "r:*")  # noqa: SIM115 - closed by the `with` below
    except tarfile.TarError as error:
        raise ModuleError(f"Failed to find handler for {args.get('src')!r}: {error}") from None
    with archive:
        members = archive.getmembers()
        for member in members:
            _inside(dest, member.name)
        if not any(_differs(member, os.path.join(dest, member.name)) for member in members):
            return _attributes(dest, [member.name for member in members], args, context)
        if context.check:
            return True
        wanted = {}
        if args.get("owner") is not None:
            wanted["uid"] = files.owner_id(args["owner"])
        if args.get("group") is not None:
            wanted["gid"] = files.group_id(args["group"])
        for member in members:
            for key, value in wanted.items():
                setattr(member, key, value)
            member.uname = member.gname = ""
        if hasattr(tarfile, "tar_filter"):
            archive.extraction_filter = staticmethod(tarfile.fully_trusted_filter)
        archive.extractall(dest, members, numeric_owner=True)
        _attributes(dest, [member.name for member in members], args, context)
    os.sync()
    return True


def _zip(path: str, dest: str, args: dict[str, Any], context: Context) -> bool:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        changed = False
        for info in infos:
            target = _inside(dest, info.filename)
            if not os.path.exists(target) or (
                not info.is_dir() and os.path.getsize(target) != info.file_size
            ):
                changed = True
        if changed and not context.check:
            archive.extractall(dest)
            for info in infos:
                if info.external_attr >> 16:
                    os.chmod(os.path.join(dest, info.filename), info.external_attr >> 16 & 0o7777)
            os.sync()
        return _attributes(dest, [info.filename for info in infos], args, context) or changed


def _attributes(dest: str, names: list[str], args: dict[str, Any], context: Context) -> bool:
    changed = False
    for name in names:
        path = os.path.join(dest, name)
        if os.path.lexists(path):
            changed = (
                files.set_attributes(path, args, check=context.check, follow=not os.path.islink(path))
                or changed
            )
    return changed
