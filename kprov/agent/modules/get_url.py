"""ansible.builtin.get_url: a file from a server, downloaded by the host itself."""

from __future__ import annotations

import email.message
import hashlib
import http.client
import os
import re
import tempfile
import time
import urllib.parse
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import disk_space, paths
from kprov.agent.files.attributes import set_attributes
from kprov.agent.web import url_requests

ARGUMENTS: dict[str, dict[str, Any]] = {
    **url_requests.ARGUMENTS,
    "url_username": {"aliases": ["username"]},
    "url_password": {"aliases": ["password"], "no_log": True},
    "dest": {"type": "path", "required": True},
    "backup": {"type": "bool", "default": False},
    "checksum": {"default": ""},
    "headers": {"type": "dict"},
    "tmp_dest": {"type": "path"},
}
RULES: dict[str, Any] = {"file_arguments": True}


class _UnchangedError(Exception):
    """The server says that the file is the same."""


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring `dest` to the content of `url`."""
    dest = args["dest"]
    result: dict[str, Any] = {
        "changed": False,
        "checksum_dest": None,
        "checksum_src": None,
        "dest": dest,
        "elapsed": 0,
        "url": url_requests.mask_credentials(args["url"]),
    }
    try:
        return _describe_error(_run(args, context, result))
    except _UnchangedError as same:
        return _describe_error(dict(same.args[0]))
    except ModuleError as error:
        error.result = _describe_error({**error.result})
        raise


def _describe_error(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, **(paths.path_info(result["dest"]) if "dest" in result else {})}


def _run(args: dict[str, Any], context: Context, result: dict[str, Any]) -> dict[str, Any]:
    dest = args["dest"]
    algorithm, checksum = _checksum(args, result)
    since, force = None, args["force"]
    in_folder = os.path.isdir(dest)
    if not in_folder and os.path.exists(dest):
        if checksum and not force:
            if paths.hash_file(dest, algorithm) == checksum:
                result["changed"] = set_attributes(dest, args, check=context.check)
                more = " but file attributes changed" if result["changed"] else ""
                return {"msg": f"file already exists{more}", **result}
            force = True
        since = os.path.getmtime(dest)
    start = time.monotonic()
    folder = dest if in_folder else os.path.dirname(dest) or "."
    source, info = _download(
        args["url"], args, dest, folder, since=since, force=force, method="HEAD" if context.check else "GET"
    )
    try:
        result.update(elapsed=int(time.monotonic() - start), src=source)
        if in_folder:
            dest = result["dest"] = os.path.join(dest, _name_of(info))
        result["checksum_src"] = paths.sha1(source)
        _check_destination(dest, result)
        if context.check:
            result["changed"] = result["checksum_src"] != result["checksum_dest"]
            return {"msg": info.get("msg", ""), **result}
        if checksum:
            _check_download(source, algorithm, checksum, result)
        if result["checksum_src"] != result["checksum_dest"]:
            if args["backup"] and os.path.exists(dest):
                result["backup_file"] = paths.make_backup(dest)
            _place(source, dest, args, result)
            result["changed"] = True
    finally:
        if os.path.lexists(source):
            os.unlink(source)
    result["changed"] = set_attributes(dest, args, check=False) or result["changed"]
    result["md5sum"] = _md5(dest)
    return {"msg": info.get("msg", ""), "status_code": info["status"], **result}


def _check_download(source: str, algorithm: str, checksum: str, result: dict[str, Any]) -> None:
    found = paths.hash_file(source, algorithm)
    if found != checksum:
        text = f"The checksum for {source} did not match {checksum}; it was {found}."
        raise ModuleError(text, **result)


def _md5(path: str) -> str | None:
    try:
        return paths.hash_file(path, "md5")
    except ValueError:
        # Hosts in FIPS mode have none.
        return None


def _check_destination(dest: str, result: dict[str, Any]) -> None:
    """Refuse what cannot be written, and note what is there."""
    if os.path.exists(dest):
        for mode, word in ((os.W_OK, "writable"), (os.R_OK, "readable")):
            if not os.access(dest, mode):
                raise ModuleError(f"Destination {dest} is not {word}", **result)
        result["checksum_dest"] = paths.sha1(dest)
        return
    folder = os.path.dirname(dest)
    if not os.path.exists(folder):
        raise ModuleError(f"Destination {folder} does not exist", **result)
    if not os.access(folder, os.W_OK):
        raise ModuleError(
            f"Destination {folder} is not writable{disk_space.explain_write_failure(folder)}", **result
        )


def _place(source: str, dest: str, args: dict[str, Any], result: dict[str, Any]) -> None:
    folder = os.path.dirname(dest)
    how = {"unsafe_writes": args["unsafe_writes"], "follow": False}
    try:
        near = os.path.dirname(source) == folder or not os.access(folder, os.W_OK)
        paths.replace_file(source if near else paths.make_twin(source, folder), dest, how)
    except OSError as error:
        raise ModuleError(f"failed to copy {source} to {dest}: {error}", **result) from None


def _download(
    url: str,
    args: dict[str, Any],
    dest: str,
    folder: str,
    *,
    since: float | None,
    force: bool,
    method: str = "GET",
) -> tuple[str, dict[str, Any]]:
    """A temporary file with the content of a URL, in `tmp_dest` or a folder, and what the server said."""
    start = time.monotonic()
    request = url_requests.Request(url, {**args, "force": force}, args["headers"] or {}, method, since=since)
    response, info = url_requests.fetch(request)
    said = {"url": url_requests.mask_credentials(url), "dest": dest, "elapsed": int(time.monotonic() - start)}
    if info["status"] == 304:
        raise _UnchangedError({**said, "changed": False, "msg": info.get("msg", ""), "status_code": 304})
    if info["status"] == -1:
        raise ModuleError(info["msg"], **said)
    plain = url.startswith(("file:/", "ftp:/"))
    if response is None or (info["status"] != 200 and not plain):
        raise ModuleError("Request failed", status_code=info["status"], response=info["msg"], **said)
    if args["tmp_dest"]:
        folder = args["tmp_dest"]
        if not os.path.isdir(folder):
            there = (
                "is a file but should be a directory."
                if os.path.exists(folder)
                else "directory does not exist."
            )
            raise ModuleError(f"{folder} {there}", elapsed=said["elapsed"])
    elif not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
        folder = tempfile.gettempdir()
    path = paths.make_temporary(os.path.abspath(folder))
    try:
        with open(path, "wb") as file:
            url_requests.save_body(response, file)
        _check_complete(path, info, args, method)
    except ModuleError:
        os.unlink(path)
        raise
    except (OSError, EOFError, http.client.HTTPException) as error:
        os.unlink(path)
        text = f"failed to create temporary content file: {error}"
        raise ModuleError(text, elapsed=said["elapsed"]) from None
    return path, info


def _check_complete(path: str, info: dict[str, Any], args: dict[str, Any], method: str) -> None:
    unzipped = info.get("content-encoding") == "gzip" and args["decompress"]
    if method == "HEAD" or "content-length" not in info or unzipped:
        return
    expected, size = int(info["content-length"]), os.path.getsize(path)
    if size != expected:
        text = f"Incomplete read, (rsp.length={expected - size}, cl={expected}, st.st_size={size})"
        raise ModuleError(f"{text} failed to read remaining {expected - size} bytes")


def _name_of(info: dict[str, Any]) -> str:
    """The file's name that the server tells, or that of the URL it was found at."""
    message = email.message.Message()
    message["content-disposition"] = info.get("content-disposition", "")
    told = message.get_param("filename", header="content-disposition")
    return os.path.basename(str(told)) if told else _url_name(info["url"])


def _url_name(url: str) -> str:
    return os.path.basename(urllib.parse.urlsplit(url)[2]) or "index.html"


def _checksum(args: dict[str, Any], result: dict[str, Any]) -> tuple[str, str]:
    """Algorithm and digest that are asked for; ("", "") for none. A URL of sums is downloaded."""
    if not args["checksum"]:
        return "", ""
    algorithm, colon, checksum = args["checksum"].partition(":")
    if not colon:
        raise ModuleError("The checksum parameter has to be in format <algorithm>:<checksum>", **result)
    if urllib.parse.urlsplit(checksum).scheme in ("http", "https", "ftp", "file"):
        checksum = _sum_of(checksum, args)
    checksum = re.sub(r"\W+", "", checksum).lower()
    if not re.fullmatch("[0-9a-f]+", checksum):
        raise ModuleError("The checksum format is invalid", **result)
    if algorithm not in hashlib.algorithms_available:
        known = ", ".join(sorted(hashlib.algorithms_guaranteed))
        text = f"Could not hash file '{args['dest']}' with algorithm '{algorithm}'."
        text += f" Available algorithms: {known}"
        raise ModuleError(text, **result)
    return algorithm, checksum


def _sum_of(url: str, args: dict[str, Any]) -> str:
    path, _ = _download(url, args, args["dest"], tempfile.gettempdir(), since=None, force=args["force"])
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip("\n") for line in file]
    finally:
        os.unlink(path)
    name = _url_name(args["url"])
    found = next((digest for digest, of in parse_digests(name, lines) if of == name), None)
    if found is None:
        raise ModuleError(
            f"Unable to find a checksum for file '{name}' in '{url_requests.mask_credentials(url)}'"
        )
    return found


_BSD = re.compile(r"^(\w+) ?\((?P<path>.+)\) ?= (?P<digest>[\w.]+)$")
_GNU = re.compile(r"^(?P<digest>[\w.]+)\s+(\*|\./|\.)?(?P<path>.+)$")


def parse_digests(name: str, lines: list[str]) -> list[tuple[str, str]]:
    """(digest, file) of each line of a list of sums, GNU's or BSD's; one word alone is the sum of `name`."""
    if len(lines) == 1 and len(lines[0].split()) == 1:
        return [(lines[0], name)]
    found = []
    for line in lines:
        bsd, gnu = _BSD.match(line), _GNU.match(line)
        if bsd:
            found.append((bsd["digest"], bsd["path"]))
        elif gnu:
            found.append((gnu["digest"], gnu["path"].lstrip("./")))
    return found
