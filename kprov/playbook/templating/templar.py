"""Jinja2 as Ansible uses it: native values, strict undefined, lazily templated variables."""

from __future__ import annotations

import ast
import functools
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from jinja2 import nodes

from kprov.errors import KprovError
from kprov.inventory import trust, yaml_file
from kprov.inventory.vault.vault_format import Undecrypted, Unsafe
from kprov.playbook.templating import conditions
from kprov.playbook.templating.code_cache import CodeCache
from kprov.playbook.templating.filters.filter_table import ALL_FILTERS, REFUSED_FILTERS
from kprov.playbook.templating.jinja_environment import Context, Environment
from kprov.playbook.templating.jinja_tests.jinja_test_table import ALL_TESTS, REFUSED_TESTS
from kprov.playbook.templating.lazy_containers import LazyDict, LazyList, is_template
from kprov.playbook.templating.lookups.call import GLOBALS, find_loop_items
from kprov.playbook.templating.plugin_calls import wrap_functions
from kprov.playbook.templating.plugin_files import PluginTable
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.undefined import Marker, MarkerError, find_template_position
from kprov.playbook.templating.values import FilterError, is_omitted, mark_as_data, to_plain

#: Settings that a `#jinja2:` line may change.
_SETTINGS = (
    "block_start_string", "block_end_string", "variable_start_string", "variable_end_string",
    "comment_start_string", "comment_end_string", "line_statement_prefix", "line_comment_prefix",
    "trim_blocks", "lstrip_blocks", "newline_sequence", "keep_trailing_newline",
)  # fmt: skip
_HEADER = "#jinja2:"
#: Exceptions of an expression that is wrong or has a wrong value.
ERRORS = (
    jinja2.TemplateError,
    FilterError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    OSError,
    RecursionError,
    MemoryError,
)

Render = Callable[[Scope], Any]


class TemplatingError(KprovError):
    """An expression cannot be evaluated; the message has the expression and the `reason`."""

    reason = ""


class Templar:
    """Renders the templates of a run and compiles each once. `search` are the folders of included files.

    `code` has the compiled code of earlier runs.
    """

    def __init__(self, search: tuple[Path, ...] = (), code: CodeCache | None = None) -> None:
        self.search = search
        self._code = code
        self._filters = _make_table("filter")
        self._tests = _make_table("test")
        self._local = threading.local()
        self._environments: dict[Any, Environment] = {}
        self._texts: dict[str, Render] = {}
        self._conditions: dict[str, Render] = {}
        self._files: dict[Any, Render] = {}
        #: All hosts reach a template at the same time; one thread compiles it.
        self._compiling = threading.RLock()
        self.environment = self._make_environment(search, escapes=True)

    def _make_environment(self, search: tuple[Path, ...], **settings: Any) -> Environment:
        key = (search, tuple(sorted(settings.items())))
        if key not in self._environments:
            loader = jinja2.FileSystemLoader([str(path) for path in search])
            environment = Environment(
                lambda: getattr(self._local, "scope", None), loader=loader, code=self._code, **settings
            )
            known: Any = environment
            known.filters, known.tests = self._filters, self._tests
            environment.globals.update(GLOBALS)
            self._environments[key] = environment
        return self._environments[key]

    # -- texts -------------------------------------------------------------------------------------------

    def render_text(self, text: str, scope: Scope) -> Any:
        """Render a text; a single expression keeps its type. The result may be a Marker."""
        if isinstance(text, Unsafe):
            # Before the compiled texts: a template of a file may have the same characters.
            return text
        render = self._texts.get(text)
        if render is None:
            if not is_template(text):
                return text
            with self._compiling:
                render = self._texts.get(text) or self._texts.setdefault(text, self._compile_text(text))
        try:
            return render(scope)
        except MarkerError as error:
            return error.source

    def _compile_text(self, text: str) -> Render:
        name = conditions.parse_simple_template(text)
        if name is not None:
            return _make_variable_renderer(name)
        environment, body = self.environment, text
        if text.startswith(_HEADER):
            settings, body = _parse_header(text, {})
            environment = self._make_environment(self.search, escapes=True, **settings)
        render = _make_renderer(environment.from_string(body))
        ends = len(text) - len(text.rstrip("\n"))
        if not ends:
            return render

        def with_newlines(scope: Scope) -> Any:
            text = render(scope)
            if isinstance(text, str):
                text += "\n" * (ends - (len(text) - len(text.rstrip("\n"))))
            return text

        return with_newlines

    def wrap(self, value: Any, scope: Scope) -> Any:
        """Return a value for use in expressions; containers render their entries when they are read."""
        if isinstance(value, str):
            return self.render_text(value, scope)
        if isinstance(value, dict):
            return LazyDict(value, scope)
        if isinstance(value, (list, tuple)):
            return LazyList(value, scope)
        if type(value) is Undecrypted:
            value.fail()
        return value

    def render(self, value: Any, scope: Scope, what: str = "") -> Any:
        """Render a value that must be defined. The result is data: it is never rendered again.

        Raises TemplatingError with expression and reason.
        """
        if value is None or type(value) in (bool, int, float):
            return value
        try:
            return mark_as_data(self._render_final(value, scope))
        except ERRORS as error:
            raise _make_error(error, value, what) from None

    def _render_final(self, value: Any, scope: Scope) -> Any:
        if isinstance(value, str):
            return to_plain(self.render_text(value, scope))
        if isinstance(value, dict):
            rendered = {key: self._render_final(entry, scope) for key, entry in value.items()}
            return {key: entry for key, entry in rendered.items() if not is_omitted(entry)}
        if isinstance(value, (list, tuple)):
            entries = [self._render_final(entry, scope) for entry in value]
            return [entry for entry in entries if not is_omitted(entry)]
        return to_plain(self.wrap(value, scope))

    def find_loop_items(self, name: str, value: Any, scope: Scope, kind: str = "") -> list[Any]:
        """Return the items of `with_NAME: value`; first_found searches `kind` (templates, vars, files)."""
        try:
            return list(mark_as_data(find_loop_items(name, value, scope, kind)))
        except ERRORS as error:
            raise _make_error(error, value, f"with_{name}") from None

    # -- conditions --------------------------------------------------------------------------------------

    def evaluate_condition(self, condition: Any, scope: Scope, what: str = "when") -> bool:
        """Evaluate a condition: an expression without braces, or a boolean. The result must be a boolean."""
        if isinstance(condition, bool):
            return condition
        if condition is None:
            return True
        try:
            result = self._evaluate_condition(condition, scope)
            if isinstance(result, Marker):
                result.trip()
        except ERRORS as error:
            raise _make_error(error, condition, what) from None
        if isinstance(result, bool):
            return result
        raise TemplatingError(
            f"{what}: {conditions.describe_non_boolean(result)}, in {_shorten(condition)!r}"
        )

    def _evaluate_condition(self, condition: Any, scope: Scope) -> Any:
        text = conditions.strip_condition(condition)
        if isinstance(condition, Unsafe):
            raise FilterError("Conditional expressions come from files, and this text does not.")
        if conditions.is_whole_template(text):
            rendered = self.render_text(text, scope)
            if isinstance(rendered, Marker):
                rendered.trip()
            if not isinstance(rendered, str):
                return to_plain(rendered)
            text = conditions.strip_condition(
                conditions.resolve_trusted_expression(self.environment, text, rendered, scope)
            )
        return self.evaluate_expression(text, scope)

    def find_problems(self, text: str, *, condition: bool = False) -> list[str]:
        """Return the problems of a template or condition that are known before it is rendered.

        They are syntax errors, and filters, tests and lookups that are unknown or not supported.
        """
        if not condition and not is_template(text):
            return []
        try:
            tree = self._make_environment(self.search, conditional=True).parse(
                "{{ " + text + " }}" if condition else text
            )
        except jinja2.TemplateSyntaxError as error:
            return [str(error.message)]
        return conditions.find_unknown_plugins(tree)

    def evaluate_expression(self, text: str, scope: Scope) -> Any:
        """Evaluate an expression without braces."""
        render = self._conditions.get(text)
        if render is None:
            name = conditions.parse_variable_name(text)
            render = _make_variable_renderer(name) if name is not None else self._compile_expression(text)
            self._conditions[text] = render
        return render(scope)

    def _compile_expression(self, text: str) -> Render:
        environment = self._make_environment(self.search, conditional=True)

        def compile_tree() -> CodeType:
            expression = conditions.parse_expression(environment, text)
            return environment.compile_tree(nodes.Template([nodes.Output([expression], lineno=1)], lineno=1))

        code = environment.find_code("expression", text, compile_tree)
        template = environment.template_class.from_code(environment, code, environment.make_globals(None))
        return _make_renderer(template)

    # -- files -------------------------------------------------------------------------------------------

    def render_file(
        self, path: Path, scope: Scope, search: tuple[Path, ...], overrides: Mapping[str, Any] | None = None
    ) -> str:
        """Render a template file; its includes are searched beside it and in `search`."""
        value = self.render_file_value(path, scope, search, overrides)
        return "" if value is None else value if isinstance(value, str) else str(to_plain(value))

    def render_file_value(
        self, path: Path, scope: Scope, search: tuple[Path, ...], overrides: Mapping[str, Any] | None = None
    ) -> Any:
        """Like render_file, but a single expression keeps its type (for the template lookup)."""
        trust.refuse_fetched(path, "a template")
        key = (path, path.stat().st_mtime_ns, search, tuple(sorted((overrides or {}).items())))
        before = getattr(self._local, "scope", None)
        try:
            render = self._files.get(key)
            if render is None:
                with self._compiling:
                    if key not in self._files:
                        self._files[key] = self._compile_file(path, search, dict(overrides or {}))
                    render = self._files[key]
            self._local.scope = scope
            rendered = render(scope)
            if isinstance(rendered, Marker):
                rendered.trip()
            return rendered
        except ERRORS as error:
            raise TemplatingError(f"{_find_position(error, path)}: {describe_error(error)}") from None
        finally:
            self._local.scope = before

    def _compile_file(self, path: Path, search: tuple[Path, ...], settings: dict[str, Any]) -> Render:
        text, _ = yaml_file.read_text(path)
        body = text
        if text.startswith(_HEADER):
            settings, body = _parse_header(text, settings)
        newline = settings.get("newline_sequence", "\n")
        template = self._make_environment((path.parent, *search), **settings).from_string(body)
        template.filename = str(path)
        render = _make_renderer(template)
        ends = len(body) - len(body.rstrip("\n"))

        def with_newlines(scope: Scope) -> Any:
            text = render(scope)
            if isinstance(text, str):
                text += newline * (ends - (len(text) - len(text.rstrip("\n"))))
            return text

        return with_newlines if ends else render


_TABLES = {"filter": (ALL_FILTERS, REFUSED_FILTERS), "test": (ALL_TESTS, REFUSED_TESTS)}


@functools.cache
def _wrap_own(kind: str) -> dict[str, Callable[..., Any]]:
    return wrap_functions(kind, _TABLES[kind][0])


def _make_table(kind: str) -> PluginTable:
    own = dict(_wrap_own(kind))
    return PluginTable(kind, own, {name: own.pop(name) for name in _TABLES[kind][1] if name in own})


def _make_renderer(template: jinja2.Template) -> Render:
    environment: Any = template.environment
    root, name, blocks, concat = (
        template.root_render_func,
        template.name,
        template.blocks,
        environment.concat,
    )

    def render(scope: Scope) -> Any:
        return concat(root(Context(environment, scope, name, blocks)))

    return render


def _make_variable_renderer(name: str) -> Render:
    """Return a renderer of a single variable, which needs no template."""

    def render(scope: Scope) -> Any:
        try:
            return scope[name]
        except KeyError:
            return GLOBALS[name] if name in GLOBALS else Marker(name=name)

    return render


def _parse_header(text: str, settings: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the settings of a `#jinja2:` line, and the template below it."""
    line, newline, body = text.partition("\n")
    if not newline:
        raise FilterError(f"Missing newline after {_HEADER!r} override.")
    options = dict(settings)
    for pair in line[len(_HEADER) :].split(","):
        name, colon, value = pair.partition(":")
        if not colon or name.strip() not in _SETTINGS:
            raise FilterError(
                f"{pair.strip()!r} is not a setting of {_HEADER!r}; "
                f"use NAME:VALUE with one of {', '.join(_SETTINGS)}"
            )
        options[name.strip()] = ast.literal_eval(value.strip())
    return options, body


def _find_position(error: BaseException, path: Path) -> str:
    """Return file and line of an error, as far as they are known."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename or path}:{error.lineno}"
    place = error.source.place if isinstance(error, MarkerError) else None
    trace = error.__traceback__
    while trace is not None:
        if place is None or not isinstance(error, MarkerError):
            place = find_template_position(trace.tb_frame.f_globals, trace.tb_lineno) or place
        trace = trace.tb_next
    return f"{place[0]}:{place[1]}" if place else str(path)


def describe_error(error: BaseException) -> str:
    """Return the text of an error for the user."""
    if isinstance(error, RecursionError):
        return "Recursive loop detected in template."
    if isinstance(error, MemoryError):
        return "The template needs more memory than there is."
    if isinstance(error, KeyError) and error.args:
        return f"the key {error.args[0]!r} is not there"
    return str(getattr(error, "message", None) or str(error) or type(error).__name__)


def _shorten(value: Any) -> str:
    text = str(value)
    return text if len(text) < 200 else text[:200] + "..."


def _make_error(error: BaseException, value: Any, what: str) -> TemplatingError:
    templating_error = TemplatingError(
        f"{what + ': ' if what else ''}{describe_error(error)}, in {_shorten(value)!r}"
    )
    templating_error.reason = describe_error(error)
    return templating_error
