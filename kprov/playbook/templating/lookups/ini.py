"""The ini lookup."""

from __future__ import annotations

import configparser
from typing import Any

from kprov.inventory import bounded_regex, operator_files
from kprov.playbook.templating.filters.choices import boolean
from kprov.playbook.templating.lookups.search import check_options, parse_key_values, require_file
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.values import FilterError


def ini(scope: Scope, terms: list[Any], **keywords: Any) -> list[Any]:
    """Return values of keys in INI files and Java properties."""
    defaults: dict[str, Any] = {
        "type": "ini",
        "file": "ansible.ini",
        "section": "global",
        "re": False,
        "encoding": "utf-8",
        "default": "",
        "case_sensitive": False,
        "allow_no_value": False,
        "allow_none": False,
        "interpolation": True,
    }
    values: list[Any] = []
    for term in terms:
        options, key = check_options(keywords, defaults, "ini"), str(term)
        if "=" in key or " " in key.strip():
            key, inline = parse_key_values(key)
            options = check_options({**keywords, **inline}, defaults, "ini")
        parser = configparser.ConfigParser(
            allow_no_value=boolean(options["allow_no_value"]) or boolean(options["allow_none"]),
            interpolation=configparser.BasicInterpolation() if boolean(options["interpolation"]) else None,
        )
        if boolean(options["case_sensitive"]):
            parser.optionxform = str  # type: ignore[method-assign,assignment]
        data = operator_files.read_bytes(require_file(scope, "files", options["file"]))
        text = data.decode(options["encoding"])
        section = options["section"]
        if options["type"] == "properties":
            section, text = "java_properties", f"[java_properties]\n{text}"
        values += _read_ini(parser, text, section, key, options)
    return values


def _read_ini(
    parser: configparser.ConfigParser, text: str, section: str, key: str, options: dict[str, Any]
) -> list[Any]:
    try:
        parser.read_string(text)
        if boolean(options["re"]):
            items = dict(parser.items(section))
            return [items[name] for name in bounded_regex.filter_texts("match", key, list(items))]
        value = parser.get(section, key)
    except configparser.NoOptionError:
        value = options["default"]
    except configparser.NoSectionError:
        raise FilterError(f"No section {section!r} in {options['file']!r}.") from None
    except configparser.Error as error:
        raise FilterError(f"{options['file']}: {error}") from None
    return [] if value is None else [value]
