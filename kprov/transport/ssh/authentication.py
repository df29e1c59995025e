"""Logs in with keys, a password and keyboard-interactive prompts, until the host accepts."""

from __future__ import annotations

import contextlib

import paramiko

from kprov.errors import ConnectionLostError, HostError, PreflightError, UnreachableError
from kprov.transport.options.host_options import Options
from kprov.transport.ssh import private_keys


def log_in(
    transport: paramiko.Transport, hop: Options, name: str, *, send_password: bool = True
) -> list[str]:
    """Log in as the hop's user. Returns a warning for each key file that was ignored.

    `send_password` is false for a host whose key has changed, as in ssh. Raises PreflightError (rejected;
    lists the attempts), UnreachableError.
    """
    tried: list[str] = []
    ignored: list[str] = []
    password = hop.password if send_password else None
    partly = False
    if hop.public_keys:
        with private_keys.find_keys(hop, name, ignored) as offered:
            for what, key in offered:
                outcome = _try_key(transport, hop, name, what, key, tried)
                if outcome == "in":
                    return ignored
                partly = partly or outcome == "partly"
                if partly and password is not None:
                    break
                if outcome == "useless":
                    break
    if password is not None and _try_password(transport, hop, name, password, tried):
        return ignored
    keys_tried = any(not text.startswith("password") for text in tried)
    what = "more authentication needed" if partly else "key refused" if keys_tried else "password refused"
    if not tried:
        what = "no key to log in with"
        if not ignored:
            what += ": set ansible_ssh_private_key_file, or load one in the ssh agent"
    if hop.password is not None and password is None:
        tried.append("password (not sent, because the host key has changed)")
    detail = f" (tried {', '.join(tried)})" if tried else ""
    detail += "".join(f"; {text}" for text in ignored)
    raise PreflightError(name, f"login as {hop.user} at {hop.address}: {what}{detail}")


def _try_key(
    transport: paramiko.Transport, hop: Options, name: str, what: str, key: paramiko.PKey, tried: list[str]
) -> str:
    try:
        more = transport.auth_publickey(hop.user, key)
    except paramiko.BadAuthenticationType as error:
        tried.append(f"{what} (the host accepts only {', '.join(error.allowed_types)})")
        return "useless"
    except paramiko.AuthenticationException:
        if not transport.is_active():
            raise _closed_error(hop, name, [*tried, what]) from None
        tried.append(what)
        return "refused"
    except (paramiko.SSHException, EOFError, OSError) as error:
        if not transport.is_active():
            raise _closed_error(hop, name, [*tried, what]) from None
        tried.append(f"{what} ({error})")
        return "refused"
    if not more:
        return "in"
    tried.append(f"{what} (accepted, but the host also requires: {', '.join(more)})")
    return "partly"


def _try_password(
    transport: paramiko.Transport, hop: Options, name: str, password: str, tried: list[str]
) -> bool:
    try:
        with contextlib.suppress(paramiko.BadAuthenticationType):
            more = transport.auth_password(hop.user, password, fallback=False)
            if not more:
                return True
            tried.append(f"password (accepted, but the host also requires: {', '.join(more)})")
            if "keyboard-interactive" not in more:
                return False
    except paramiko.AuthenticationException:
        if not transport.is_active():
            raise _closed_error(hop, name, [*tried, "password"]) from None
        tried.append("password")
        return False
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise UnreachableError(name, f"login at {hop.address}: {error}") from None
    return _try_questions(transport, hop, name, password, tried)


def _try_questions(
    transport: paramiko.Transport, hop: Options, name: str, password: str, tried: list[str]
) -> bool:
    strange: list[str] = []

    def answer(title: str, instructions: str, questions: list[tuple[str, bool]]) -> list[str]:
        del title, instructions
        # A prompt with echo is not for a password but for a second factor, which kprov does not have.
        strange.extend(text.strip() for text, visible in questions if visible)
        return [password for _ in questions]

    try:
        more = transport.auth_interactive(hop.user, answer)
    except paramiko.BadAuthenticationType as error:
        tried.append(f"password (the host accepts only {', '.join(error.allowed_types)})")
        return False
    except paramiko.AuthenticationException:
        tried.append("password" + (f" (the host asked {strange[0]!r})" if strange else ""))
        return False
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise UnreachableError(name, f"login at {hop.address}: {error}") from None
    if more:
        tried.append(f"password (accepted, but the host also requires: {', '.join(more)})")
    return not more


def _closed_error(hop: Options, name: str, tried: list[str]) -> HostError:
    text = f"{hop.address} closed the connection during the login as {hop.user}; tried {', '.join(tried)}"
    if len(tried) > 3:
        text += ": probably too many keys; set IdentitiesOnly=yes and ansible_ssh_private_key_file"
    # After a single key the cause is not too many keys.
    return PreflightError(name, text) if len(tried) > 1 else ConnectionLostError(name, text)
