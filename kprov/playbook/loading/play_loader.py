"""Load one play: its tasks, blocks and handlers, and the roles that it uses; reject what is not supported."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.playbook.ansible_modules import payloads
from kprov.playbook.ansible_modules.search import make_module_search
from kprov.playbook.loading import (
    arguments,
    keyword_checks,
    module_names,
    name_templates,
    play_checks,
    playbook_keywords,
    role_files,
    template_checks,
    templated_action,
)
from kprov.playbook.loading.problems import MissingError, Problems, defer_problem
from kprov.playbook.model.ansible_module import AnsibleModule
from kprov.playbook.model.plays import Block, Node, Play, Role, Task
from kprov.playbook.model.search_paths import SearchPaths
from kprov.playbook.templating import plugin_files
from kprov.transport import agent_modules

_OfRole = tuple[Role, list[Task | Block]]
#: A file and a line of it.
Place = tuple[str, int | None]


class PlayLoader:
    """Loads one play with its roles, and adds mistakes to `problems`."""

    def __init__(
        self,
        path: Path,
        paths: SearchPaths,
        problems: Problems,
        extra_vars: dict[str, Any] | None = None,
    ) -> None:
        self.path = path
        self.extra_vars = extra_vars or {}
        self.paths = paths
        self.problems = problems
        self.directory = path.parent.resolve()
        #: Handlers of imported roles.
        self._of_imports: list[Task] = []
        #: What is being loaded, outermost first: roles and imported files, with their names.
        self._open: list[tuple[Any, str]] = []

    @contextmanager
    def _loading(self, key: Any, name: str, loop: str, place: Place) -> Iterator[None]:
        """Load a role or a file. Raises InputError if it is being loaded already."""
        keys = [open_key for open_key, _ in self._open]
        if key in keys:
            names = [open_name for _, open_name in self._open[keys.index(key) :]]
            raise InputError(f"{loop}: {' > '.join([*names, name])}", file=place[0], line=place[1])
        self._open.append((key, name))
        try:
            yield
        finally:
            self._open.pop()

    def load_play(self, entry: Any, line: int | None) -> Play:
        """Load one play of a playbook."""
        plugin_files.load_plugins(self.directory, self.paths)
        before = len(self.problems.errors)
        keyword_checks.check_values(entry, "play", self.path)
        with self.problems.collect():
            keyword_checks.check_keywords(entry, playbook_keywords.PLAY, "play", self.path)
        if not entry.get("hosts"):
            raise InputError("a play needs hosts", file=self.path, line=line, field="hosts")
        if not isinstance(entry["hosts"], (str, list)):
            text = f"must be text or a list, not {entry['hosts']!s}; quote it"
            raise InputError(text, file=self.path, line=yaml_file.line_of(entry, "hosts"), field="hosts")
        strategy, warnings = self._choose_strategy(entry)
        login = {"remote_user": entry["user"]} if "user" in entry and "remote_user" not in entry else {}
        self._check_choice(entry, "order", playbook_keywords.ORDERS)
        keyword_checks.check_prompts(entry, self.path)
        play_checks.check_vars_files(entry, self.path)
        play = Play(
            {**entry, **login, **strategy},
            file=str(self.path),
            line=line,
            name=str(entry.get("name") or _format_hosts(entry["hosts"])),
            hosts=entry["hosts"],
            variables=dict(entry.get("vars") or {}),
            vars_files=keyword_checks.to_list(entry.get("vars_files")),
            directory=self.directory,
            paths=self.paths,
            extra_vars=self.extra_vars,
            warnings=[*keyword_checks.list_ignored_keywords(entry, self.path), *warnings],
        )
        of_roles: list[Task | Block] = []
        for index, item in enumerate(keyword_checks.to_list(entry.get("roles"))):
            with self.problems.collect():
                place = (str(self.path), yaml_file.line_of(entry["roles"], index) or line)
                role, tasks = self.load_role_entry(item, play, play, place)
                play.role_names.append(role.name)
                of_roles += tasks
        handlers = self.load_handlers(entry.get("handlers"), play, None)
        play.sections = [
            self.load_tasks(entry.get("pre_tasks"), play, None),
            of_roles,
            self.load_tasks(entry.get("tasks"), play, None),
            self.load_tasks(entry.get("post_tasks"), play, None),
        ]
        # Handlers are flushed once after roles and tasks.
        play.sections[1:3] = [[*play.sections[1], *play.sections[2]]]
        # Order: handlers of roles, of the play, of imported roles. Handlers of includes are added later.
        play.handlers += [*handlers, *self._of_imports]
        if len(self.problems.errors) == before:
            # Only check without other problems: a broken file may hold the missing handler.
            defer_problem(functools.partial(play_checks.check_notifications, play), play.warnings)
        return play

    def _choose_strategy(self, entry: Any) -> tuple[dict[str, str], list[str]]:
        """Return the keyword `strategy` if another one takes its place, and a warning. Raises InputError."""
        name = str(entry.get("strategy") or "").removeprefix("ansible.builtin.")
        similar = playbook_keywords.SIMILAR_STRATEGIES.get(name)
        if similar is None:
            self._check_choice(entry, "strategy", playbook_keywords.STRATEGIES)
            return {}, []
        place = f"{self.path}:{entry.lines['strategy']}: strategy"
        return {"strategy": similar}, [f"{place}: {name!r} is not supported; {similar!r} takes its place"]

    def _check_choice(self, entry: Any, keyword: str, choices: tuple[str, ...]) -> None:
        value = str(entry.get(keyword) or choices[0]).removeprefix("ansible.builtin.")
        if value not in choices:
            raise InputError(
                f"the {keyword} {value!r} is not supported; use one of {', '.join(choices)}",
                file=self.path,
                line=entry.lines[keyword],
                field=keyword,
            )

    def load_role_entry(
        self, item: Any, play: Play, parent: Node, place: Place, *, public: bool = True
    ) -> _OfRole:
        """Load a role from an entry of `roles:` or of another role's dependencies."""
        entry = {"role": item} if isinstance(item, str) else item
        name = (entry.get("role") or entry.get("name")) if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise InputError(f"{item!r} is not a role", file=place[0], line=place[1], field="roles")
        keyword_checks.check_values(entry, "role", Path(place[0]))
        play.warnings += keyword_checks.list_ignored_keywords(entry, Path(place[0]))
        keywords: dict[str, Any] = {
            key: v
            for key, v in entry.items()
            if key in playbook_keywords.ROLE and key not in ("role", "name")
        }
        params = {key: value for key, value in entry.items() if key not in playbook_keywords.ROLE}
        if "{{" in name:
            variables: dict[str, Any] = {"vars": {**params, **(keywords.get("vars") or {})}}
            name = name_templates.render_name(name, Node(variables, parent, parent.role, *place), play)
        return self.load_role(name, play, parent, keywords, params, place, public=public)

    def load_role(
        self,
        name: str,
        play: Play,
        parent: Node,
        keywords: dict[str, Any],
        params: dict[str, Any],
        place: Place,
        *,
        args: dict[str, Any] | None = None,
        public: bool = True,
    ) -> _OfRole:
        """Load a role and its tasks after those of its dependencies; `place` names the role.

        `args` are the arguments of include_role and import_role.
        """
        of_collection = role_files.find_collection_role(name, make_module_search(parent, keywords))
        full_name, path = of_collection or (
            "",
            role_files.find_role(
                name, role_files.role_search_folders(play.directory, self.paths, parent), place
            ),
        )
        key = (path, role_files.strip_ending((args or {}).get("tasks_from")))
        with self._loading(key, name, "roles depend on or import each other in a loop", place):
            return self._load_found_role(
                path, full_name, name, play, parent, keywords, params, place, args, public=public
            )

    def _load_found_role(
        self,
        path: Path,
        full_name: str,
        name: str,
        play: Play,
        parent: Node,
        keywords: dict[str, Any],
        params: dict[str, Any],
        place: Place,
        args: dict[str, Any] | None,
        *,
        public: bool,
    ) -> _OfRole:
        role_args = args or {}
        about = role_files.load_meta(path)
        collections = role_files.collect_collections(about, full_name)
        if collections or parent.get("collections"):
            # As in Ansible, a role does not search the collections of what uses it.
            keywords = {**keywords, "collections": collections}
        plugin_files.load_plugins(path)
        tasks_from = role_files.strip_ending(role_args.get("tasks_from"))
        tasks_file = role_files.find_file(path / "tasks", tasks_from)
        if tasks_from != "main" and tasks_file is None:
            text = f"the role {name} has no tasks/{tasks_from} in {path}"
            raise InputError(text, file=place[0], line=place[1])
        role = Role(
            full_name or role_files.role_name(name),
            path,
            role_files.load_variables(
                path / "defaults",
                role_files.strip_ending(role_args.get("defaults_from")),
                needed=bool(role_args.get("defaults_from")),
            ),
            role_files.load_variables(
                path / "vars",
                role_files.strip_ending(role_args.get("vars_from")),
                needed=bool(role_args.get("vars_from")),
            ),
            params,
            key=(
                full_name or role_files.role_name(name),
                str(path),
                tasks_from,
                repr((params, keywords, args is not None)),
            ),
            once=not agent_modules.parse_boolean(about.get("allow_duplicates"))
            if args is None
            else not agent_modules.parse_boolean(args.get("allow_duplicates"), default=True),
            collection=".".join(full_name.split(".")[:2]),
        )
        around = Block(
            keywords,
            parent,
            role,
            place[0],
            place[1],
            whole_role=True,
        )
        dependencies = about.get("dependencies") or []
        if not isinstance(dependencies, list):
            meta = role_files.find_file(path / "meta", "main")
            line = yaml_file.line_of(about, "dependencies")
            raise InputError("must be a list of roles", file=meta, line=line, field="dependencies")
        for index, dependency in enumerate(dependencies):
            with self.problems.collect():
                where = (
                    str(role_files.find_file(path / "meta", "main")),
                    yaml_file.line_of(dependencies, index),
                )
                inner, tasks = self.load_role_entry(dependency, play, around, where, public=public)
                role.dependencies.append(inner)
                around.tasks += tasks
        self._load_role_handlers(role, role_files.strip_ending(role_args.get("handlers_from")), play, around)
        if public:
            play.roles.append(role)
        around.tasks += self._make_validation_tasks(role, tasks_from, around, role_args)
        if tasks_file is not None:
            around.tasks += self.load_tasks(yaml_file.load_yaml(tasks_file), around, role, file=tasks_file)
        return role, [around] if around.tasks else []

    def _load_role_handlers(self, role: Role, name: str, play: Play, around: Block) -> None:
        file = role_files.find_file(role.path / "handlers", name)
        if file is None:
            return
        play.handlers += self.load_handlers(yaml_file.load_yaml(file), around, role, file=file)

    def _make_validation_tasks(
        self, role: Role, entry_point: str, around: Block, role_args: dict[str, Any]
    ) -> list[Task]:
        spec = role_files.load_argument_spec(role.path, entry_point)
        if spec is None or role_args.get("rolespec_validate") is False:
            return []
        description = f" - {spec['short_description']}" if spec.get("short_description") else ""
        args = {
            "argument_spec": spec.get("options") or {},
            "provided_arguments": {},
            "validate_args_context": {
                "type": "role",
                "name": role.name,
                "argument_spec_name": entry_point,
                "path": str(role.path),
            },
        }
        return [
            Task(
                {"tags": ["always"]},
                around,
                role,
                str(
                    role_files.find_file(role.path / "meta", "argument_specs") or role.path / "meta/main.yml"
                ),
                getattr(spec, "line", None),
                f"Validating arguments against arg spec '{entry_point}'{description}",
                "validate_argument_spec",
                args,
            )
        ]

    def load_handlers(
        self, entries: Any, parent: Node, role: Role | None, *, file: Path | None = None
    ) -> list[Task]:
        """Load handlers in order, with those of imported files and of blocks.

        As in Ansible, each task of a block is a handler of its own, so rescue and always never run.
        """
        nodes = self.load_tasks(entries, parent, role, file=file, handlers=True)
        return list(_flatten_handlers(nodes, find_play(parent).warnings))

    def load_tasks(
        self,
        entries: Any,
        parent: Node,
        role: Role | None,
        *,
        file: Path | None = None,
        handlers: bool = False,
    ) -> list[Task | Block]:
        """Load a list of tasks and blocks."""
        file = file or self.path
        if entries is None:
            return []
        if not isinstance(entries, list):
            raise InputError("tasks must be a list", file=file, line=getattr(entries, "line", 1))
        tasks: list[Task | Block] = []
        for index, entry in enumerate(entries):
            with self.problems.collect():
                if not isinstance(entry, dict):
                    line = yaml_file.line_of(entries, index)
                    raise InputError("a task must be a mapping", file=file, line=line)
                if "block" in entry:
                    tasks.append(self.load_block(entry, parent, role, file, handlers=handlers))
                else:
                    tasks += self.load_task(entry, parent, role, file, handler=handlers)
        return tasks

    def load_block(
        self, entry: Any, parent: Node, role: Role | None, file: Path, *, handlers: bool = False
    ) -> Block:
        """Load a block with its rescue and always."""
        keyword_checks.check_values(entry, "block", file)
        with self.problems.collect():
            keyword_checks.check_keywords(entry, playbook_keywords.BLOCK, "block", file)
        find_play(parent).warnings += keyword_checks.list_ignored_keywords(entry, file)
        keywords = {
            key: value for key, value in entry.items() if key not in ("block", "rescue", "always", "name")
        }
        block = Block(keywords, parent, role, str(file), entry.line, written=True)
        block.tasks = self.load_tasks(entry["block"], block, role, file=file, handlers=handlers)
        block.rescue = self.load_tasks(entry.get("rescue"), block, role, file=file)
        block.always = self.load_tasks(entry.get("always"), block, role, file=file)
        return block

    def load_task(
        self, entry: Any, parent: Node, role: Role | None, file: Path, *, handler: bool = False
    ) -> list[Task | Block]:
        """Load a task, or the tasks that an import puts in its place."""
        allowed = playbook_keywords.HANDLER if handler else playbook_keywords.TASK
        written_entry, entry = entry, keyword_checks.normalize_action(entry, file)
        search = make_module_search(parent, entry)
        word = keyword_checks.find_module_name(
            entry, allowed, file, search, templates=entry is not written_entry
        )
        module = module_names.short_name(word)
        warnings = find_play(parent).warnings
        warnings += keyword_checks.list_ignored_keywords(entry, file)
        problem = ""
        ansible_module = None if "{{" in word else keyword_checks.find_ansible_module(word, search)
        if "{{" in word:
            args = templated_action.store_arguments(entry[word], entry.get("args"))
        else:
            args = arguments.parse_arguments(
                module, entry[word], entry.get("args"), file, entry.lines.get(word)
            )
            if module in ("import_role", "include_role") and "name" not in args and "role" in args:
                args = {("name" if key == "role" else key): value for key, value in args.items()}
            check = functools.partial(
                arguments.check_arguments, word, module, args, file, entry.lines.get(word), entry
            )
            if ansible_module is not None:
                check = functools.partial(_check_runnable, ansible_module, file, entry.lines.get(word))
            if module in module_names.INCLUDES:
                check()
            else:
                problem = defer_problem(check, warnings)
        keywords = {key: value for key, value in entry.items() if key not in (word, "args", "name", "listen")}
        keyword_checks.check_loop_control(entry, file)
        defer_problem(functools.partial(template_checks.check_templates, entry, file), warnings)
        task = Task(
            keywords,
            parent,
            role,
            str(file),
            entry.line,
            str(entry.get("name") or ""),
            module,
            args,
            [str(topic) for topic in keyword_checks.to_list(entry.get("listen"))],
            action=word,
            ansible_module=ansible_module,
            problem=problem,
        )
        if module == "meta":
            play_checks.check_meta(task)
        task.problem = task.problem or defer_problem(
            functools.partial(play_checks.check_timeout, task), warnings
        )
        if module in ("import_tasks", "import_role"):
            return self._load_static_import(task, parent, handlers=handler)
        return [task]

    def _load_static_import(self, task: Task, parent: Node, *, handlers: bool) -> list[Task | Block]:
        if any(key == "loop" or str(key).startswith("with_") for key in task.keywords):
            raise InputError(
                f"{task.module} cannot be looped; use {task.module.replace('import', 'include')}",
                file=task.file,
                line=task.line,
            )
        name = str(task.args.get("name") or task.args.get("file") or task.args.get("_raw_params") or "")
        if not name:
            raise InputError(f"{task.module} needs a name", file=task.file, line=task.line)
        play = find_play(parent)
        name = name_templates.render_name(name, task, play)
        if task.module == "import_tasks":
            path = find_task_file(task, name)
            block = Block(task.keywords, parent, task.role, task.file, task.line)
            loop = "files of tasks import each other in a loop"
            with self._loading(path.resolve(), path.name, loop, (task.file, task.line)):
                block.tasks = self.load_tasks(
                    yaml_file.load_yaml(path), block, task.role, file=path, handlers=handlers
                )
            return [block]
        keywords = {
            **task.keywords,
            "vars": {**(task.keywords.get("vars") or {}), **parent_role_variables(task)},
        }
        before = len(play.handlers)
        place = (task.file, task.line)
        role, tasks = self.load_role(name, play, parent, keywords, {}, place, args=task.args)
        if not play.sections:
            self._of_imports += play.handlers[before:]
            del play.handlers[before:]
        play.role_names.append(role.name)
        return tasks


def _check_runnable(module: AnsibleModule, file: Path, line: int | None) -> None:
    try:
        payloads.check_runnable(module)
    except InputError as error:
        raise InputError(error.reason, file=file, line=line) from None


def find_play(node: Node) -> Play:
    """Return the play of a node."""
    return next(ancestor for ancestor in node.chain() if isinstance(ancestor, Play))


def parent_role_variables(task: Task) -> dict[str, Any]:
    """Return the variables that name the roles around an included or imported role, innermost first."""
    if task.role is None:
        return {}
    outer = task.merge_keyword("vars")
    return {
        "ansible_parent_role_names": [task.role.name, *outer.get("ansible_parent_role_names", [])],
        "ansible_parent_role_paths": [str(task.role.path), *outer.get("ansible_parent_role_paths", [])],
    }


def _flatten_handlers(nodes: list[Task | Block], warnings: list[str]) -> Iterator[Task]:
    for node in nodes:
        if isinstance(node, Task):
            yield node
            continue
        if node.rescue or node.always:
            warnings.append(
                f"{node.place}: rescue and always of a block of handlers have no effect; "
                "its tasks are handlers of their own"
            )
        yield from _flatten_handlers(node.tasks, warnings)


def find_task_file(task: Task, name: str) -> Path:
    """Find a file that a task includes: beside the task's file, in its role's tasks/, or absolute."""
    if Path(name).is_absolute():
        folders = [Path("/")]
    else:
        of_role = [task.role.path / "tasks", task.role.path] if task.role else []
        # As in Ansible, last in the folder of the playbook.
        folders = [Path(task.file).parent, *of_role, find_play(task).directory]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise MissingError(f"the file {name} was not found in {folders[0]}", file=task.file, line=task.line)


def _format_hosts(hosts: Any) -> str:
    return ",".join(str(host) for host in hosts) if isinstance(hosts, list) else str(hosts)
