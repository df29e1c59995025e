"""The Jinja2 environment: native values, undefined markers, constants and backslashes as in Ansible."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import Any, ClassVar

import jinja2
from jinja2 import nodes
from jinja2.compiler import Frame
from jinja2.environment import TemplateModule
from jinja2.lexer import TOKEN_STRING, TOKEN_VARIABLE_BEGIN, TOKEN_VARIABLE_END, Lexer
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context as _Context
from jinja2.runtime import Macro
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import generate_lorem_ipsum, missing

from kprov.playbook.templating import bounds
from kprov.playbook.templating.code_cache import CodeCache
from kprov.playbook.templating.lazy_containers import is_template
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.undefined import Marker, MarkerError
from kprov.playbook.templating.values import is_iterator, is_omitted, to_plain

#: A backslash that does not start an escape sequence of Python.
_NO_ESCAPE = re.compile(r"""((?<!\\)(?:\\\\)*)\\(?![\\'"abfnrtv0-7xNuU\n])""")
_DICT_ATTRIBUTES = frozenset(dir(dict))
#: The only methods of `hostvars` and of a host's variables that templates may call.
_MAPPING_METHODS = frozenset(("items", "keys", "values", "get"))


class ConstantTemplate(str):
    """A text constant in an expression that is itself a template; lookups render it in their terms."""

    __slots__ = ()


class Context(_Context):
    """A context that reads variables of the scope only when a template names them."""

    def __init__(self, environment: Any, parent: Any, name: Any, blocks: Any, scope: Any = None) -> None:
        super().__init__(environment, parent, name, blocks)
        self.scope: Scope = parent if scope is None else scope

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        try:
            return self.parent[key]
        except KeyError:
            return self.environment.globals.get(key, missing)

    def get_all(self) -> Any:
        return ChainMap(self.vars, self.parent) if self.vars else self.parent

    def derived(self, locals: dict[str, Any] | None = None) -> Context:
        context = Context(
            self.environment, _extend_variables(locals, self.get_all()), self.name, {}, self.scope
        )
        context.eval_ctx = self.eval_ctx
        context.blocks.update((name, list(blocks)) for name, blocks in self.blocks.items())
        return context


def _extend_variables(locals_: Mapping[str, Any] | None, variables: Any) -> Any:
    local_values = {key: value for key, value in (locals_ or {}).items() if value is not missing}
    return ChainMap(local_values, variables) if local_values else variables


class Template(jinja2.Template):
    """A template whose context reads variables on demand, also in included and imported templates."""

    def new_context(
        self, vars: Any = None, shared: bool = False, locals: Mapping[str, Any] | None = None
    ) -> Context:
        environment: Any = self.environment
        scope = environment.scope()
        return Context(environment, _extend_variables(locals, vars or {}), self.name, self.blocks, scope)

    def _get_default_module(self, ctx: Any = None) -> TemplateModule:
        # Not cached: variables that an imported file sets may differ between hosts.
        return self.make_module()


class _CodeGenerator(NativeCodeGenerator):
    """A generator that computes no part of an expression at compile time."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> Any:
        if isinstance(node, nodes.TemplateData):
            return node.as_const(frame.eval_ctx)
        raise nodes.Impossible

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:  # noqa: N802
        value = node.as_const(frame.eval_ctx)
        if type(value) is str and is_template(value):
            self.write(f"environment.constant(context, {value!r})")
        else:
            self.write(repr(value))


class _EscapingLexer(Lexer):
    """Backslashes in texts of `{{ }}` are literal, because YAML has processed escapes already."""

    def tokeniter(self, *args: Any, **kwargs: Any) -> Iterator[tuple[int, str, str]]:
        inside = False
        for line, kind, value in super().tokeniter(*args, **kwargs):
            if kind in (TOKEN_VARIABLE_BEGIN, TOKEN_VARIABLE_END):
                inside = kind == TOKEN_VARIABLE_BEGIN
            escaped = value.replace("\\", "\\\\") if inside and kind == TOKEN_STRING else value
            yield line, kind, escaped


class _Lexer(Lexer):
    """Backslashes that do not start an escape are literal, without Python's warning."""

    def tokeniter(self, *args: Any, **kwargs: Any) -> Iterator[tuple[int, str, str]]:
        for line, kind, value in super().tokeniter(*args, **kwargs):
            text = kind == TOKEN_STRING and "\\" in value
            yield line, kind, _NO_ESCAPE.sub(r"\1\\\\", value) if text else value


class Environment(SandboxedEnvironment):
    """Ansible's environment: attributes before items, no internals, markers instead of exceptions.

    `escapes`: texts in `{{ }}` keep their backslashes (values of YAML files, not template files).
    `conditional`: render texts in the expression that are templates, as old conditions did.
    `code` has the compiled code of earlier runs.
    """

    template_class = Template
    intercepted_binops = frozenset(("**", "*", "%", "+"))
    code_generator_class = _CodeGenerator
    DEFAULTS: ClassVar[dict[str, Any]] = {"trim_blocks": True, "undefined": Marker, "optimized": False}

    def __init__(
        self,
        scope: Callable[[], Scope | None],
        *,
        escapes: bool = False,
        conditional: bool = False,
        code: CodeCache | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**{**self.DEFAULTS, **settings})
        self.scope = scope
        self._code = code
        self._compile_settings = repr(
            (escapes, conditional, sorted(item for item in settings.items() if item[0] != "loader"))
        )
        self._conditional = conditional
        self._lexer = _EscapingLexer(self) if escapes else _Lexer(self)

    @property
    def lexer(self) -> Lexer:
        return self._lexer

    def compile(
        self,
        source: str | nodes.Template,
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:
        """Compile a template, unless an earlier run did."""

        def compile_source() -> Any:
            parent: Any = super(Environment, self)
            return parent.compile(source, name, filename, raw, defer_init)

        if not isinstance(source, str) or raw or defer_init:
            return compile_source()
        return self.find_code(f"{name}\0{filename}", source, compile_source)

    def compile_tree(self, tree: nodes.Template) -> CodeType:
        """Compile a template that was parsed."""
        code: CodeType = super().compile(tree)
        return code

    def find_code(self, kind: str, text: str, compile_text: Callable[[], CodeType]) -> CodeType:
        """Return the code of a text, from an earlier run if possible; `kind` says how it is compiled."""
        if self._code is None:
            return compile_text()
        kind = f"{self._compile_settings}\0{kind}"
        code = self._code.find(kind, text)
        if code is None:
            lookups = self._count_plugin_lookups()
            code = compile_text()
            # The code depends on the functions of filters and tests. Those of files may change.
            if self._count_plugin_lookups() == lookups:
                self._code.add(kind, text, code)
        return code

    def _count_plugin_lookups(self) -> int:
        return sum(getattr(table, "plugin_lookups", 0) for table in (self.filters, self.tests))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        loops = list(tree.find_all(nodes.For))
        inner = {id(nested) for loop in loops for nested in loop.find_all(nodes.For)}
        for loop in loops:
            # The time of a loop is limited while it runs.
            timed = nodes.EnvironmentAttribute("time_loop")
            words: list[Any] = [loop.iter, nodes.Const(id(loop) in inner)]
            loop.iter = nodes.Call(timed, words, [], None, None, lineno=loop.lineno)
        return tree

    def time_loop(self, entries: Any, is_inner: bool) -> Any:
        """Return the entries of a `for` for a loop whose time is limited."""
        return entries if isinstance(entries, Marker) else bounds.TimedLoop(entries, is_inner=is_inner)

    time_loop.takes_markers = True  # type: ignore[attr-defined]

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute an operation whose result could be large."""
        return bounds.operate(operator, left, right, self.binop_table[operator])

    def constant(self, context: Context, text: str) -> Any:
        """Return a text constant of an expression that looks like a template."""
        if self._conditional:
            return context.scope.templar.render_text(text, context.scope)
        return ConstantTemplate(text)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Marker):
            return obj
        methods = _DICT_ATTRIBUTES if isinstance(obj, dict) else _MAPPING_METHODS
        if isinstance(obj, Mapping) and attribute not in methods:
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        try:
            value = getattr(obj, attribute)
        except AttributeError:
            safe = True
        else:
            safe = self.is_safe_attribute(obj, attribute, value)
            if safe:
                return value
        try:
            return obj[attribute]
        except (TypeError, LookupError):
            if safe:
                return self.undefined(obj=obj, name=attribute)
            return self.unsafe_undefined(obj, attribute)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063 - jinja2's own signature
        if isinstance(__obj, Marker):
            return __obj
        if not isinstance(__obj, Macro) and not getattr(__obj, "takes_markers", False):
            for arg in (*args, *kwargs.values()):
                if isinstance(arg, Marker):
                    return arg
        if __obj is generate_lorem_ipsum:
            bounds.check_call("lipsum", None, (*args, *kwargs.values()))
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            bounds.check_call(getattr(__obj, "__name__", ""), owner, (*args, *kwargs.values()))
        try:
            value = super().call(__context, __obj, *args, **kwargs)
            return bounds.read_all(value) if is_iterator(value) else value
        except MarkerError as error:
            return error.source

    @staticmethod
    def concat(parts: Iterable[Any]) -> Any:
        """Return the value of a single part with its type, a text of several parts, or None."""
        values = [part for part in _flatten_parts(parts) if part is not None]
        if len(values) == 1:
            return values[0]
        if not values:
            return None
        return "".join(
            [part if type(part) is str else _to_text(part) for part in values if not is_omitted(part)]
        )


def _to_text(part: Any) -> str:
    if isinstance(part, (dict, list, tuple)):
        return str(to_plain(part))
    return str(part)


def _flatten_parts(parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if type(part) is TemplateModule:
            yield from _flatten_parts(part._body_stream)
        else:
            yield part
