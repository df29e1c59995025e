"""Creates a user's home and SSH key where useradd does not create them."""

from __future__ import annotations

import os
import pwd
import re
from typing import Any

from kprov.agent import process, temporary_files
from kprov.agent.context import ModuleError

_ASKPASS = "#!/bin/sh\nprintf '%s\\n' \"$KPROV_PASSPHRASE\"\n"


def create_home(path: str, skeleton: str | None) -> None:
    """Create a home from the skeleton (default: /etc/skel) with the mode of /etc/login.defs."""
    source = "/etc/skel" if skeleton is None else skeleton
    try:
        if os.path.exists(source) and source != os.devnull:
            import shutil

            shutil.copytree(source, path, symlinks=True)
        else:
            os.makedirs(path)
        if os.path.exists("/etc/login.defs"):
            os.chmod(path, _home_mode())
    except OSError as error:
        raise ModuleError(str(error)) from None


def _home_mode() -> int:
    mode = 0o755
    with open("/etc/login.defs") as file:
        for line in file:
            match = re.match(r"(HOME_MODE|UMASK)\s+(\d+)$", line)
            if match and match[1] == "HOME_MODE":
                return int(match[2], 8)
            if match:
                mode = 0o777 & ~int(match[2], 8)
    return mode


def change_owner(path: str, uid: int, gid: int) -> None:
    """Make the user the owner of a home and of everything in it except symbolic links."""
    os.chown(path, uid, gid)
    for root, folders, names in os.walk(path):
        for name in [*folders, *names]:
            full = os.path.join(root, name)
            if not os.path.islink(full):
                os.chown(full, uid, gid)


def ensure_ssh_key(
    args: dict[str, Any],
    user: pwd.struct_passwd,
    result: dict[str, Any],
    warnings: list[str],
    *,
    check: bool,
) -> None:
    """Generate the user's key unless it exists; add its path, fingerprint and public key to the result."""
    path = args["ssh_key_file"] or os.path.join(".ssh", f"id_{args['ssh_key_type']}")
    if not os.path.isabs(path):
        if not os.path.exists(user.pw_dir) and not check:
            text = f"User {user.pw_name} home directory does not exist"
            raise ModuleError(text, name=user.pw_name, rc=1)
        path = os.path.join(user.pw_dir, path)
    if _should_generate_key(path, warnings, force=args["force"]):
        result["changed"] = True
        if not check:
            _generate_key(args, user, path)
    result["ssh_fingerprint"] = ""
    if os.path.exists(path):
        code, out, err = process.run_program(["ssh-keygen", "-l", "-f", path])
        result["ssh_fingerprint"] = (err if code else out).strip()
    result["ssh_key_file"] = path
    try:
        with open(f"{path}.pub") as file:
            result["ssh_public_key"] = file.read().strip()
    except OSError:
        result["ssh_public_key"] = None


def _should_generate_key(path: str, warnings: list[str], *, force: bool) -> bool:
    for kind, file in (("private", path), ("public", f"{path}.pub")):
        if os.path.exists(file) and not force:
            text = f'Found existing ssh key {kind} file "{file}", no force, so skipping ssh-keygen generation'
            warnings.append(text)
            return False
        if os.path.exists(file):
            warnings.append(f'Overwriting existing ssh key {kind} file "{file}"')
    return True


def _generate_key(args: dict[str, Any], user: pwd.struct_passwd, path: str) -> None:
    folder, name = os.path.dirname(path), user.pw_name
    try:
        if not os.path.exists(folder):
            os.mkdir(folder, 0o700)
            os.chown(folder, user.pw_uid, user.pw_gid)
    except OSError as error:
        raise ModuleError(f"Failed to create {folder}: {error}", name=name, rc=1) from None
    for path_to_remove in (path, f"{path}.pub"):
        if os.path.exists(path_to_remove):
            os.unlink(path_to_remove)
    comment = args["ssh_key_comment"] or f"ansible-generated on {os.uname().nodename}"
    command = ["ssh-keygen", "-q", "-t", args["ssh_key_type"], "-C", comment, "-f", path]
    if args["ssh_key_bits"] > 0:
        command += ["-b", str(args["ssh_key_bits"])]
    code, out, err = _run_keygen(command, args["ssh_key_passphrase"])
    if code:
        raise ModuleError(err or out, name=name, rc=code)
    for file in (path, f"{path}.pub"):
        os.chown(file, user.pw_uid, user.pw_gid)


def _run_keygen(command: list[str], passphrase: str | None) -> tuple[int, str, str]:
    """Run ssh-keygen. The passphrase is not on its command line, which all users can read."""
    if passphrase is None:
        return process.run_program([*command, "-N", ""])
    handle, program = temporary_files.make_file()
    try:
        os.write(handle, _ASKPASS.encode())
        os.fchmod(handle, 0o700)
        os.close(handle)
        variables = {"SSH_ASKPASS": program, "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": "none"}
        return process.run_program(command, environment={**variables, "KPROV_PASSPHRASE": passphrase})
    finally:
        os.unlink(program)
