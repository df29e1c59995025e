"""Options of commands that work on hosts and of those that run playbooks, named as in ansible-playbook."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, get_type_hints

import typer

from kprov.cli.options.operator_paths import read_source
from kprov.cli.options.output_files import check_writable
from kprov.cli.options.vault_options import AskPass as AskVaultPass
from kprov.cli.options.vault_options import PasswordFiles, VaultIds, use_passwords
from kprov.errors import InputError

if TYPE_CHECKING:
    from kprov.inventory.model import Inventory as Loaded
    from kprov.playbook.model.search_paths import SearchPaths
    from kprov.playbook.results.run_result import RunOptions

_CONNECTION = "Connection"

Inventory = Annotated[
    Path, typer.Option("-i", "--inventory", "--inventory-file", help="Inventory folder or file.")
]
Inventories = Annotated[
    list[str],
    typer.Option(
        "-i",
        "--inventory",
        "--inventory-file",
        help="Inventory: a folder, a file, or a list of hosts such as a,b or a, (repeatable).",
        parser=read_source,
        metavar="<str>",
    ),
]
Check = Annotated[bool, typer.Option("--check", "-C", help="Change nothing; show what would change.")]
Diff = Annotated[bool, typer.Option("--diff", "-D", help="Show the differences in changed files.")]
Limit = Annotated[
    str | None, typer.Option("--limit", "-l", help="Limit the command to these hosts: a pattern, or @FILE.")
]
Tags = Annotated[str, typer.Option("--tags", "-t", help="Run only tasks with one of these tags.")]
SkipTags = Annotated[str, typer.Option("--skip-tags", help="Skip tasks with one of these tags.")]
Forks = Annotated[
    int, typer.Option("--forks", "-f", min=1, help="Number of hosts to work on at the same time.")
]
StartAt = Annotated[str | None, typer.Option("--start-at-task", help="Start at the task with this name.")]
Step = Annotated[bool, typer.Option("--step", help="Ask before each task.")]
ExtraVars = Annotated[
    list[str] | None,
    typer.Option("--extra-vars", "-e", help="Set variables: NAME=VALUE, YAML, JSON or @FILE (repeatable)."),
]
Report = Annotated[
    Path | None, typer.Option("--report", help="Write a JSON report of all tasks to this file.")
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, help="Also show tasks that changed nothing; -vv shows results."
    ),
]
ForceHandlers = Annotated[
    bool, typer.Option("--force-handlers", help="Also run notified handlers on hosts that failed.")
]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        "-u",
        help="Log in as this user, unless the inventory names one.",
        rich_help_panel=_CONNECTION,
    ),
]
Become = Annotated[
    bool, typer.Option("--become", "-b", help="Run tasks as another user.", rich_help_panel=_CONNECTION)
]
BecomeUser = Annotated[
    str | None,
    typer.Option(
        "--become-user", help="The user that tasks run as. [default: root]", rich_help_panel=_CONNECTION
    ),
]
BecomeMethod = Annotated[
    str | None,
    typer.Option(
        "--become-method",
        help="How to become that user: sudo, su or doas. [default: sudo]",
        rich_help_panel=_CONNECTION,
    ),
]
AskBecome = Annotated[
    bool,
    typer.Option(
        "--ask-become-pass",
        "-K",
        help="Ask for the password that sudo, su or doas needs.",
        rich_help_panel=_CONNECTION,
    ),
]
AskPass = Annotated[
    bool, typer.Option("--ask-pass", "-k", help="Ask for the SSH password.", rich_help_panel=_CONNECTION)
]
PrivateKey = Annotated[
    Path | None,
    typer.Option(
        "--private-key",
        "--key-file",
        help="Log in with this private key, unless the inventory names one.",
        rich_help_panel=_CONNECTION,
    ),
]
ConnectionType = Annotated[
    str | None,
    typer.Option(
        "--connection",
        "-c",
        help="Connection type: ssh or local. [default: ssh]",
        rich_help_panel=_CONNECTION,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", "-T", help="Seconds to wait for a connection. [default: 10]", rich_help_panel=_CONNECTION
    ),
]
Offline = Annotated[
    Path | None,
    typer.Option(
        "--offline", help="Take all components, packages and images from this export (kprov bundle export)."
    ),
]
RolesPath = Annotated[
    str | None,
    typer.Option("--roles-path", help="More folders with roles: FOLDER:FOLDER (ANSIBLE_ROLES_PATH)."),
]
ModulePath = Annotated[
    str | None,
    typer.Option("--module-path", "-M", help="More folders with modules: FOLDER:FOLDER (ANSIBLE_LIBRARY)."),
]


#: A day; sockets take no more than some months.
_LONGEST_TIMEOUT = 86_400


@dataclass(frozen=True)
class HostOptions:
    """Options for hosts, connections and variables."""

    inventory: Inventories
    limit: Limit = None
    extra_vars: ExtraVars = None
    forks: Forks = 20
    user: User = None
    private_key: PrivateKey = None
    ask_pass: AskPass = False
    connection: ConnectionType = None
    timeout: Timeout = None
    become: Become = False
    become_user: BecomeUser = None
    become_method: BecomeMethod = None
    ask_become_pass: AskBecome = False
    vault_id: VaultIds = None
    vault_password_file: PasswordFiles = None
    ask_vault_pass: AskVaultPass = False

    @property
    def path(self) -> Path:
        """The inventory of a command that stores files beside it. Raises InputError for several."""
        if len(self.inventory) != 1 or "," in self.inventory[0]:
            raise InputError(
                "this command needs exactly one inventory, a file or a folder", field="--inventory"
            )
        return Path(self.inventory[0])

    def loaded(self) -> Loaded:
        """Load the inventory, with the vault passwords. Raises InputError."""
        from kprov.inventory.sources.load import load_inventory

        self.unlock()
        return load_inventory(list(self.inventory))

    def unlock(self) -> None:
        """Read the vault passwords."""
        use_passwords(self.vault_id, self.vault_password_file, ask=self.ask_vault_pass)

    def host_options(self) -> RunOptions:
        """Return the engine's options; ask for passwords. Raises InputError."""
        from kprov.playbook.results.run_result import RunOptions

        return RunOptions(
            limit=self.limit,
            forks=self.forks,
            extra_vars=read_extra_vars(self.extra_vars),
            defaults=self._defaults(),
        )

    def _defaults(self) -> dict[str, Any]:
        defaults: dict[str, Any] = {
            "ansible_user": self.user,
            "ansible_become": self.become or None,
            "ansible_become_user": self.become_user,
            "ansible_become_method": self.become_method,
            "ansible_private_key_file": None if self.private_key is None else str(self.private_key),
            "ansible_connection": self.connection,
            "ansible_timeout": self.timeout,
        }
        if self.timeout is not None and not 0 < self.timeout <= _LONGEST_TIMEOUT:
            raise InputError(
                f"must be seconds between 0 and {_LONGEST_TIMEOUT}, not {self.timeout:g}", field="--timeout"
            )
        if self.connection not in (None, "ssh", "local"):
            raise InputError(f"{self.connection!r} is not ssh or local", field="--connection")
        if self.ask_pass:
            defaults["ansible_password"] = ask_password("SSH password")
        if self.ask_become_pass:
            typed = ask_password("BECOME password" + (" [as the SSH password]" if self.ask_pass else ""))
            defaults["ansible_become_password"] = typed or defaults.get("ansible_password")
        return {name: value for name, value in defaults.items() if value is not None}


@dataclass(frozen=True)
class RunArguments(HostOptions):
    """Options for a run of a playbook."""

    check: Check = False
    diff: Diff = False
    tags: Tags = "all"
    skip_tags: SkipTags = ""
    start_at_task: StartAt = None
    step: Step = False
    force_handlers: ForceHandlers = False
    roles_path: RolesPath = None
    module_path: ModulePath = None
    report: Report = None
    verbose: Verbose = 0

    def options(self, *, command: str = "play", journal: Path | None = None) -> RunOptions:
        """Return the engine's options. Raises InputError if the report cannot be written."""
        from kprov.playbook.model.search_paths import SearchPaths

        if self.report is not None:
            check_writable(self.report, field="--report")
        return replace(
            self.host_options(),
            check=self.check,
            diff=self.diff,
            tags=split_names(self.tags) or ("all",),
            skip_tags=split_names(self.skip_tags),
            start_at_task=self.start_at_task,
            step=self.step,
            force_handlers=self.force_handlers,
            verbosity=self.verbose,
            # `up` runs kprov's own playbook: the user's modules must not replace its modules.
            paths=self._paths() if command == "play" else SearchPaths(),
            command=command,
            journal=journal,
        )

    def with_export(self, export: Path | None) -> Self:
        """Return the options with the export of --offline as a variable."""
        if export is None:
            return self
        variable = json.dumps({"offline_export": str(export)})
        return replace(self, extra_vars=[*(self.extra_vars or []), variable])

    def _paths(self) -> SearchPaths:
        from kprov.playbook.model.search_paths import load_search_paths

        paths, warnings = load_search_paths({"roles": self.roles_path, "modules": self.module_path})
        for text in warnings:
            typer.echo(f"warning: {text}", err=True)
        return paths


def ask_password(what: str) -> str:
    """Ask for a password and register it as a secret."""
    import getpass

    from kprov.inventory import secrets

    typed = getpass.getpass(f"{what}: ")
    if typed:
        secrets.register(typed)
    return typed


def add_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the fields of the first parameter (HostOptions or RunArguments) to a command as options."""
    own_hints = get_type_hints(function, include_extras=True)
    first, *own = inspect.signature(function).parameters.values()
    kind: type[HostOptions] = own_hints[first.name]
    hints = get_type_hints(kind, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_find_default(field),
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]
    names = {field.name for field in fields(kind)}

    @functools.wraps(function)
    def command(**arguments: Any) -> None:
        options = kind(**{name: value for name, value in arguments.items() if name in names})
        function(options, **{name: value for name, value in arguments.items() if name not in names})

    added = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=own_hints[parameter.name])
        for parameter in own
    ]
    command.__signature__ = inspect.Signature([*added, *shared])  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in [*added, *shared]}
    return command


def _find_default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is MISSING else field.default


def split_names(text: str) -> tuple[str, ...]:
    """Split a list of names at commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def read_extra_vars(texts: list[str] | None) -> dict[str, Any]:
    """Return the variables of -e; later ones win. Values of key=value are text. Raises InputError."""
    variables: dict[str, Any] = {}
    for text in texts or []:
        variables |= _parse_extra_vars(text)
    return variables


def _parse_extra_vars(text: str) -> dict[str, Any]:
    from kprov.inventory import yaml_file
    from kprov.playbook.loading.arguments import split_words as words_of
    from kprov.playbook.loading.arguments import strip_quotes

    if text.startswith("@"):
        loaded = yaml_file.load_yaml(Path(text[1:]))
    elif text.lstrip().startswith(("{", "[")):
        loaded = yaml_file.parse_yaml(text, "--extra-vars")
    else:
        try:
            words = words_of(text)
        except ValueError as error:
            raise InputError(str(error), field="--extra-vars") from None
        pairs = [word.partition("=") for word in words]
        bad = next((key for key, equals, _ in pairs if not equals), None)
        if bad is not None:
            raise InputError(f"{bad!r} is not key=value", field="--extra-vars")
        loaded = {key: strip_quotes(value) for key, _, value in pairs}
    file = Path(text[1:]) if text.startswith("@") else None
    if loaded is not None and not isinstance(loaded, dict):
        raise InputError("must be a mapping of variables", file=file, field="--extra-vars")
    for name in loaded or {}:
        if not str(name).isidentifier():
            line = yaml_file.line_of(loaded, name) if file is not None else None
            text = f"{name!r} is not a valid variable name"
            raise InputError(text, file=file, line=line, field="--extra-vars")
    return dict(loaded or {})
