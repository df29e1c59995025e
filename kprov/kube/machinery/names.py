"""Rules for names, label keys and values. Each check gives the list of broken rules in upstream's words.

An empty list means valid. Lengths count bytes of UTF-8, as Go's len does.
Source: staging/src/k8s.io/apimachinery/pkg/util/validation and pkg/api/validate/content.
"""

from __future__ import annotations

import re

LABEL_MAX = 63
SUBDOMAIN_MAX = 253

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_UNDERSCORE_LABEL = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_UNDERSCORE_SUBDOMAIN = rf"{_UNDERSCORE_LABEL}(\.{_UNDERSCORE_LABEL})*"
_DNS1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_WILDCARD = rf"\*\.{_SUBDOMAIN}"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_PERCENT = "[0-9]+%"
_HEADER = "[-A-Za-z0-9]+"

_ENDS = "and must start and end with an alphanumeric character"
_LABEL_TEXT = f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS}"
_SUBDOMAIN_TEXT = (
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ENDS}"
)
_UNDERSCORE_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
    f"{_ENDS}"
)
_DNS1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character"
)
_WILDCARD_TEXT = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
    "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
)
_KEY_TEXT = f"must consist of alphanumeric characters, '-', '_' or '.', {_ENDS}"
_VALUE_TEXT = (
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ENDS}"
)
_CONFIG_KEY_TEXT = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_RELAXED_ENV_TEXT = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_C_IDENTIFIER_TEXT = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric "
    "characters or '_'"
)
_PERCENT_TEXT = "a valid percent string must be a numeric string followed by an ending '%'"
_HEADER_TEXT = "a valid HTTP header must consist of alphanumeric characters or '-'"

_LABEL_RE = re.compile(_LABEL)
_SUBDOMAIN_RE = re.compile(_SUBDOMAIN)
_KEY_RE = re.compile(_KEY)
_VALUE_RE = re.compile(_VALUE)
_CONFIG_KEY_RE = re.compile(_CONFIG_KEY)
_RELAXED_ENV_RE = re.compile("[ -<>-~]+")


def regex_error(text: str, pattern: str, *examples: str) -> str:
    """Return a rule's text with the pattern and examples, as upstream's RegexError joins them."""
    if not examples:
        return f"{text} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {shown}regex used for validation is '{pattern}')"


def max_length_error(limit: int) -> str:
    return f"must be no more than {limit} characters"


def range_error(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def _too_long(value: str, limit: int) -> list[str]:
    return [max_length_error(limit)] if len(value.encode()) > limit else []


def is_dns1123_label(value: str) -> list[str]:
    errors = _too_long(value, LABEL_MAX)
    if not _LABEL_RE.fullmatch(value):
        if _SUBDOMAIN_RE.fullmatch(value):
            errors.append("must not contain dots")
        else:
            errors.append(regex_error(_LABEL_TEXT, _LABEL, "my-name", "123-abc"))
    return errors


def is_dns1123_subdomain(value: str) -> list[str]:
    errors = _too_long(value, SUBDOMAIN_MAX)
    if not _SUBDOMAIN_RE.fullmatch(value):
        errors.append(regex_error(_SUBDOMAIN_TEXT, _SUBDOMAIN, "example.com"))
    return errors


def is_dns1123_subdomain_with_underscore(value: str) -> list[str]:
    errors = _too_long(value, SUBDOMAIN_MAX)
    if not re.fullmatch(_UNDERSCORE_SUBDOMAIN, value):
        errors.append(regex_error(_UNDERSCORE_TEXT, _UNDERSCORE_SUBDOMAIN, "example.com"))
    return errors


def is_wildcard_dns1123_subdomain(value: str) -> list[str]:
    errors = _too_long(value, SUBDOMAIN_MAX)
    if not re.fullmatch(_WILDCARD, value):
        errors.append(regex_error(_WILDCARD_TEXT, _WILDCARD, "*.example.com"))
    return errors


def is_dns1035_label(value: str) -> list[str]:
    errors = _too_long(value, LABEL_MAX)
    if not re.fullmatch(_DNS1035, value):
        errors.append(regex_error(_DNS1035_TEXT, _DNS1035, "my-name", "abc-123"))
    return errors


def is_qualified_name(value: str) -> list[str]:
    """Return a label or annotation key: [DNS subdomain/]name."""
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        shown = regex_error(_KEY_TEXT, _KEY, "MyName", "my.name", "123-abc")
        tail = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {shown}{tail}"]
    errors: list[str] = []
    if slash and not prefix:
        errors.append("prefix part must be non-empty")
    elif slash:
        if len(prefix.encode()) > SUBDOMAIN_MAX:
            errors.append(f"prefix part must be no more than {SUBDOMAIN_MAX} bytes")
        if not _SUBDOMAIN_RE.fullmatch(prefix):
            errors.append(f"prefix part {regex_error(_SUBDOMAIN_TEXT, _SUBDOMAIN, 'example.com')}")
    if not name:
        errors.append("name part must be non-empty")
    elif len(name.encode()) > LABEL_MAX:
        errors.append(f"name part must be no more than {LABEL_MAX} bytes")
    if not _KEY_RE.fullmatch(name):
        errors.append(f"name part {regex_error(_KEY_TEXT, _KEY, 'MyName', 'my.name', '123-abc')}")
    return errors


def is_label_value(value: str) -> list[str]:
    errors = [f"must be no more than {LABEL_MAX} bytes"] if len(value.encode()) > LABEL_MAX else []
    if not _VALUE_RE.fullmatch(value):
        errors.append(regex_error(_VALUE_TEXT, _VALUE, "MyValue", "my_value", "12345"))
    return errors


def is_config_map_key(value: str) -> list[str]:
    errors = _too_long(value, SUBDOMAIN_MAX)
    if not _CONFIG_KEY_RE.fullmatch(value):
        errors.append(regex_error(_CONFIG_KEY_TEXT, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    return errors + _climbs(value)


def is_relaxed_env_var_name(value: str) -> list[str]:
    errors = [] if value else ["environment variable name must be non-empty"]
    if value and not _RELAXED_ENV_RE.fullmatch(value):
        errors.append(_RELAXED_ENV_TEXT)
    return errors


def is_c_identifier(value: str) -> list[str]:
    if re.fullmatch(_C_IDENTIFIER, value):
        return []
    return [regex_error(_C_IDENTIFIER_TEXT, _C_IDENTIFIER, "my_name", "MY_NAME", "MyName")]


def is_http_header_name(value: str) -> list[str]:
    return [] if re.fullmatch(_HEADER, value) else [regex_error(_HEADER_TEXT, _HEADER, "X-Header-Name")]


def is_percent(value: str) -> list[str]:
    return [] if re.fullmatch(_PERCENT, value) else [regex_error(_PERCENT_TEXT, _PERCENT, "1%", "93%")]


def is_port_name(value: str) -> list[str]:
    errors = _too_long(value, 15)
    if not re.fullmatch("[-a-z0-9]+", value):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        errors.append("must contain at least one letter (a-z)")
    if "--" in value:
        errors.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def is_port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else [range_error(1, 65535)]


def is_in_range(value: int, low: int, high: int) -> list[str]:
    return [] if low <= value <= high else [range_error(low, high)]


def is_path_segment_name(value: str) -> list[str]:
    """Return a name that can stand in a URL path: what names with no stricter rule must hold."""
    if value in {".", ".."}:
        return [f"may not be '{value}'"]
    return [f"may not contain '{part}'" for part in ("/", "%") if part in value]


def _climbs(value: str) -> list[str]:
    if value in {".", ".."}:
        return [f"must not be '{value}'"]
    return ["must not start with '..'"] if value.startswith("..") else []
