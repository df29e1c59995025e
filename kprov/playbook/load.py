"""Playbooks and roles from files; whatever this engine does not do is refused here, with its place."""

from __future__ import annotations

import difflib
import shlex
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import yamlfile
from kprov.playbook import language
from kprov.playbook.model import Block, Node, Play, Role, Task


def playbook(path: Path) -> list[Play]:
    """All plays of a playbook and of those it imports."""
    document = yamlfile.load(path)
    if not isinstance(document, list):
        raise InputError("a playbook must be a list of plays", file=path, line=1)
    plays: list[Play] = []
    for index, entry in enumerate(document):
        line = yamlfile.line_of(document, index)
        if not isinstance(entry, dict):
            raise InputError("a play must be a mapping", file=path, line=line)
        imported = entry.get("import_playbook", entry.get("ansible.builtin.import_playbook"))
        if imported is not None:
            for play in playbook(path.parent / str(imported)):
                play.variables = {**play.variables, **(entry.get("vars") or {})}
                play.keywords.setdefault("tags", [])
                play.keywords["tags"] = _list(play.keywords["tags"]) + _list(entry.get("tags"))
                plays.append(play)
            continue
        plays.append(_Loader(path).play(entry, line))
    return plays


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def find_role(name: str, directory: Path, entry: Any = None) -> Path:
    """A role's folder: beside the playbook, in ./roles, in the parent's roles, or the path itself."""
    folders = [directory / "roles", directory, directory.parent / "roles", Path.cwd() / "roles"]
    for candidate in (
        [Path(name).expanduser()] if Path(name).is_absolute() else [folder / name for folder in folders]
    ):
        if candidate.is_dir():
            return candidate.resolve()
    there = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_dir()]
    close = difflib.get_close_matches(name, there, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    file = getattr(entry, "file", None) or None
    raise InputError(
        f"the role {name!r} was not found in {folders[0]}{hint}",
        file=file,
        line=getattr(entry, "line", None),
        field="roles",
    )


class _Loader:
    """Loads one play with the roles it names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = path.parent.resolve()
        self.seen: list[tuple[str, str]] = []

    def play(self, entry: Any, line: int | None) -> Play:
        _known(entry, language.PLAY, "play", self.path)
        if "hosts" not in entry:
            raise InputError("a play needs hosts", file=self.path, line=line, field="hosts")
        if entry.get("strategy", "linear") not in ("linear", "ansible.builtin.linear"):
            raise InputError(
                f"the strategy {entry['strategy']!r} is not supported; linear is",
                file=self.path,
                line=entry.lines["strategy"],
            )
        play = Play(
            dict(entry),
            file=str(self.path),
            line=line,
            name=str(entry.get("name") or entry["hosts"]),
            hosts=entry["hosts"],
            variables=dict(entry.get("vars") or {}),
            vars_files=_list(entry.get("vars_files")),
            directory=self.directory,
        )
        roles: list[Task | Block] = []
        for item in entry.get("roles") or []:
            roles += self.role_entry(item, play)
        handlers = self.tasks(entry.get("handlers"), play, None, handlers=True)
        sections = [
            self.tasks(entry.get("pre_tasks"), play, None),
            [*roles, *self.tasks(entry.get("tasks"), play, None)],
            self.tasks(entry.get("post_tasks"), play, None),
        ]
        play.sections = sections
        play.handlers += [task for task in handlers if isinstance(task, Task)]
        return play

    def role_entry(self, item: Any, play: Play) -> list[Task | Block]:
        entry = {"role": item} if isinstance(item, str) else item
        name = entry.get("role") or entry.get("name")
        if not isinstance(name, str):
            raise InputError(
                f"{item!r} is not a role", file=self.path, line=getattr(item, "line", None), field="roles"
            )
        keywords = {
            key: value for key, value in entry.items() if key in language.ROLE and key not in ("role", "name")
        }
        params = {key: value for key, value in entry.items() if key not in language.ROLE}
        return self.role(name, play, play, keywords, params, entry)

    def role(
        self,
        name: str,
        play: Play,
        parent: Node,
        keywords: dict[str, Any],
        params: dict[str, Any],
        entry: Any = None,
        *,
        tasks_from: str = "main",
        once: bool = True,
        defaults_from: str = "main",
        vars_from: str = "main",
    ) -> list[Task | Block]:
        path = find_role(name, play.directory, entry)
        for missing in (
            [f"tasks/{tasks_from}"]
            if tasks_from != "main" and _main(path / "tasks", tasks_from) is None
            else []
        ):
            raise InputError(f"the role {name} has no {missing}", file=str(path))
        role = Role(
            path.name,
            path,
            _mapping(path / "defaults", defaults_from),
            _mapping(path / "vars", vars_from),
            {**params, **(keywords.get("vars") or {})},
        )
        around = Block(
            keywords, parent, role, str(getattr(entry, "file", self.path)), getattr(entry, "line", None)
        )
        for dependency in _mapping(path / "meta").get("dependencies") or []:
            inner = {"role": dependency} if isinstance(dependency, str) else dependency
            before = len(play.roles)
            around.tasks += self.role_entry_in(inner, play, around)
            if len(play.roles) > before:
                role.dependencies.append(play.roles[-1])
            else:
                role.dependencies += [
                    one for one in play.roles if one.name == (inner.get("role") or inner.get("name"))
                ][:1]
        key = (str(path), repr((tasks_from, params, keywords)))
        repeated = once and key in self.seen and not _mapping(path / "meta").get("allow_duplicates")
        self.seen.append(key)
        if not any(one.path == path for one in play.roles):
            file = _main(path / "handlers", "main")
            if file is not None:
                for task in self.tasks(yamlfile.load(file), around, role, handlers=True, file=file):
                    if isinstance(task, Task):
                        play.handlers.append(task)
        if not repeated:
            play.roles.append(role)
            file = _main(path / "tasks", tasks_from)
            if file is not None:
                around.tasks += self.tasks(yamlfile.load(file), around, role, file=file)
        return [around] if around.tasks else []

    def role_entry_in(self, entry: Any, play: Play, parent: Node) -> list[Task | Block]:
        name = str(entry.get("role") or entry.get("name"))
        keywords = {
            key: value for key, value in entry.items() if key in language.ROLE and key not in ("role", "name")
        }
        return self.role(
            name,
            play,
            parent,
            keywords,
            {key: v for key, v in entry.items() if key not in language.ROLE},
            entry,
        )

    def tasks(
        self,
        entries: Any,
        parent: Node,
        role: Role | None,
        *,
        handlers: bool = False,
        file: Path | None = None,
    ) -> list[Task | Block]:
        file = file or self.path
        if entries is None:
            return []
        if not isinstance(entries, list):
            raise InputError("tasks must be a list", file=file, line=getattr(entries, "line", 1))
        found: list[Task | Block] = []
        for index, entry in enumerate(entries):
            if not isinstance(entry, dict):
                raise InputError("a task must be a mapping", file=file, line=yamlfile.line_of(entries, index))
            if "block" in entry:
                found.append(self.block(entry, parent, role, file))
            else:
                found += self.task(entry, parent, role, file)
        return found

    def block(self, entry: Any, parent: Node, role: Role | None, file: Path) -> Block:
        _known(entry, language.BLOCK, "block", file)
        keywords = {
            key: value for key, value in entry.items() if key not in ("block", "rescue", "always", "name")
        }
        block = Block(keywords, parent, role, str(file), entry.line)
        block.tasks = self.tasks(entry["block"], block, role, file=file)
        block.rescue = self.tasks(entry.get("rescue"), block, role, file=file)
        block.always = self.tasks(entry.get("always"), block, role, file=file)
        return block

    def task(self, entry: Any, parent: Node, role: Role | None, file: Path) -> list[Task | Block]:
        words = [key for key in entry if key not in language.TASK and not str(key).startswith("with_")]
        _refuse(entry, file)
        if len(words) != 1:
            what = f"more than one: {', '.join(words)}" if words else "none"
            raise InputError(
                f"a task must name one module, this has {what}",
                file=file,
                line=entry.line,
                field=str(entry.get("name") or ""),
            )
        word = words[0]
        module = language.short(word)
        module = language.ALIASES.get(module, module)
        known = language.REMOTE | language.ACTIONS | language.INCLUDES
        if module not in known:
            close = difflib.get_close_matches(module, known | set(language.ALIASES), 1)
            instead = language.INSTEAD.get(module) or (
                f"did you mean {close[0]!r}?" if close else "use ansible.builtin.command"
            )
            raise InputError(
                f"the module {word!r} is not supported; {instead}", file=file, line=entry.lines[word]
            )
        args = _arguments(module, entry[word], entry.get("args"), file, entry.lines[word])
        keywords = {key: value for key, value in entry.items() if key not in (word, "args", "name", "listen")}
        task = Task(
            keywords,
            parent,
            role,
            str(file),
            entry.line,
            str(entry.get("name") or ""),
            module,
            args,
            [str(topic) for topic in _list(entry.get("listen"))],
        )
        if module == "import_tasks":
            target = Path(str(args.get("file") or args.get("_raw_params")))
            path = target if target.is_absolute() else file.parent / target
            block = Block(keywords, parent, role, str(file), entry.line)
            block.tasks = self.tasks(yamlfile.load(path), block, role, file=path)
            return [block]
        if module == "import_role":
            play = next(node for node in parent.chain() if isinstance(node, Play))
            return self.role(
                str(args["name"]),
                play,
                parent,
                keywords,
                {},
                entry,
                tasks_from=_stem(args.get("tasks_from")),
                once=False,
            )
        return [task]


def include_tasks(path: Path, around: Node) -> list[Task | Block]:
    """Tasks of a file that is included while a play runs."""
    return _Loader(path).tasks(yamlfile.load(path), around, around.role, file=path)


def include_role(args: dict[str, Any], play: Play, around: Node) -> list[Task | Block]:
    """Tasks of a role that is included while a play runs."""
    return _Loader(Path(play.file)).role(
        str(args["name"]), play, around, {}, {}, None, tasks_from=_stem(args.get("tasks_from")), once=False
    )


def _stem(name: Any) -> str:
    return str(name or "main").removesuffix(".yml").removesuffix(".yaml")


def _main(folder: Path, name: str) -> Path | None:
    return next(
        (path for path in (folder / f"{name}.yml", folder / f"{name}.yaml", folder / name) if path.is_file()),
        None,
    )


def _mapping(folder: Path, name: str = "main") -> dict[str, Any]:
    path = _main(folder, name)
    document = yamlfile.load(path) if path else None
    if document is not None and not isinstance(document, dict):
        raise InputError("must be a mapping", file=path, line=1)
    return document or {}


def _known(entry: Any, words: set[str], what: str, file: Path) -> None:
    _refuse(entry, file)
    for key in entry:
        if key not in words:
            close = difflib.get_close_matches(str(key), words, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputError(
                f"{key!r} is not a keyword of a {what}{hint}", file=file, line=yamlfile.line_of(entry, key)
            )


def _refuse(entry: Any, file: Path) -> None:
    for key in entry:
        if key in language.REFUSED:
            raise InputError(
                f"the keyword {key!r} is not supported; {language.REFUSED[key]}",
                file=file,
                line=yamlfile.line_of(entry, key),
            )


def _arguments(module: str, value: Any, more: Any, file: Path, line: int | None) -> Any:
    args: dict[str, Any] = dict(more) if isinstance(more, dict) else {}
    if value is None:
        return args
    if isinstance(value, dict):
        return {**args, **value}
    if not isinstance(value, str):
        raise InputError(f"arguments of {module} must be a mapping", file=file, line=line)
    if module in language.FREE_FORM or module in ("meta", "include_tasks", "import_tasks", "include_vars"):
        return {**args, "_raw_params": value}
    try:
        pairs = [word.split("=", 1) for word in shlex.split(value)]
    except ValueError as error:
        raise InputError(str(error), file=file, line=line) from None
    if any(len(pair) != 2 for pair in pairs):
        raise InputError(f"arguments of {module} must be NAME=VALUE or a mapping", file=file, line=line)
    return {**args, **dict(pairs)}
