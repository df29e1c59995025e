"""Command-line flags in the forms that Go programs accept.

`--name=value`, `--name value`, `--switch`, `--switch=false`, one dash or two, `_` for `-`.

    flags = FlagSet("kube-scheduler", "places pods on nodes")
    flags.string("config", "", "file of a KubeSchedulerConfiguration")
    flags.boolean("leader-elect", True, "...")
    options = flags.parse(argv)          # options.config, options.leader_elect, options.v
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from kprov.kube.component_base import durations

VERSION: Final = "v1.36.0+kprov"

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # Upstream's components exit with 1 on a bad flag, argparse with 2.
        sys.stderr.write(f"Error: {message}\n")
        raise SystemExit(1)


class FlagSet:
    """The flags of one component. It always has `--v` (verbosity, 0..10), `--version`, `--help`."""

    def __init__(self, component: str, description: str = "") -> None:
        self._parser = _Parser(prog=component, description=description, allow_abbrev=False)
        self._multiple: dict[str, Callable[[str], Any]] = {}
        self._known: set[str] = set()
        self._durations: set[str] = set()
        self._parser.add_argument("--version", action="version", version=f"Kubernetes {VERSION}")
        self.integer("v", 0, "number for the log level verbosity")

    def string(self, name: str, default: str = "", text: str = "") -> None:
        self._add(name, default, text, str)

    def integer(self, name: str, default: int = 0, text: str = "") -> None:
        self._add(name, default, text, int)

    def floating(self, name: str, default: float = 0.0, text: str = "") -> None:
        self._add(name, default, text, float)

    def duration(self, name: str, default: float = 0.0, text: str = "") -> None:
        """Add a value such as 1m30s, parsed to float seconds."""
        self._durations.add(name)
        self._add(name, default, text, _parse_duration)

    def boolean(self, name: str, default: bool = False, text: str = "") -> None:
        """Add a switch: present means true, `--name=false` turns it off."""
        self._add(name, default, text, _parse_boolean, nargs="?", const=True)

    def string_list(self, name: str, default: Sequence[str] = (), text: str = "") -> None:
        """Commas or repetition: `--a=x,y --a=z` gives [x, y, z]."""
        self._add(name, None, text, _parse_list, action="extend")
        self._parser.set_defaults(**{_attribute_name(name): None})
        self._multiple[_attribute_name(name)] = lambda _: list(default)

    def string_map(self, name: str, text: str = "") -> None:
        """Commas or repetition of key=value, parsed to a dict (empty without the flag)."""
        self._add(name, None, text, _parse_pairs, action="extend")
        self._multiple[_attribute_name(name)] = lambda _: {}

    def parse(self, argv: Sequence[str] | None = None) -> argparse.Namespace:
        """Values by attribute, dashes as underscores. A wrong flag prints one line and exits with 1."""
        arguments = [self._normalize(argument) for argument in (sys.argv[1:] if argv is None else argv)]
        options = self._parser.parse_args(arguments)
        for attribute, empty in self._multiple.items():
            value = getattr(options, attribute)
            if value is None:
                setattr(options, attribute, empty(""))
            elif value and isinstance(value[0], tuple):
                setattr(options, attribute, dict(value))
        return options

    def render_values(self, options: argparse.Namespace) -> dict[str, str]:
        """Return parsed flags as text in Go's format, by name."""
        return {
            name: durations.render(value) if name in self._durations else _render(value)
            for name in sorted(self._known)
            for value in (getattr(options, _attribute_name(name)),)
        }

    def _add(self, name: str, default: Any, text: str, kind: Callable[[str], Any], **extra: Any) -> None:
        self._known.add(name)
        self._parser.add_argument(
            f"--{name}",
            default=default,
            help=text.replace("%", "%%"),
            type=kind,
            dest=_attribute_name(name),
            **extra,
        )

    def _normalize(self, argument: str) -> str:
        """One spelling of a flag: two dashes, dashes in the name."""
        if not argument.startswith("-") or argument in {"-", "--", "-h"}:
            return argument
        name, separator, value = argument.lstrip("-").partition("=")
        dashed = name.replace("_", "-")
        return f"--{dashed}{separator}{value}" if dashed in self._known else argument


def _render(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{','.join(value)}]"
    if isinstance(value, dict):
        return ",".join(f"{key}={text}" for key, text in sorted(value.items()))
    return str(value)


def _attribute_name(name: str) -> str:
    return name.replace("-", "_")


def _parse_duration(text: str) -> float:
    try:
        return durations.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parse_boolean(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise argparse.ArgumentTypeError(f'invalid boolean value "{text}"')


def _parse_list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _parse_pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for item in _parse_list(text):
        key, separator, value = item.partition("=")
        if not separator:
            raise argparse.ArgumentTypeError(f'"{item}" must be formatted as key=value')
        pairs.append((key.strip(), value.strip()))
    return pairs
