"""Formats of strings.

Source: k8s.io/kube-openapi/pkg/validation/strfmt, and the functions of Go's library that it calls.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from email.utils import parseaddr
from typing import Any, Final

import re2

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_UUID: Final = "(?i)^[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{}-?{}-?[0-9a-f]{{12}}$"
_HEX4: Final = "[0-9a-f]{4}"
_COLOR: Final = r"(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])"
_HOST_LETTER: Final = r"[a-zA-Z0-9\p{S}\p{L}]"
_HOSTNAME: Final = re2.compile(
    rf"^({_HOST_LETTER}((-?{_HOST_LETTER}{{0,62}})?)"
    rf"|({_HOST_LETTER}(([a-zA-Z0-9-\p{{S}}\p{{L}}]{{0,61}}{_HOST_LETTER})?)(\.)){{1,}}([a-zA-Z\p{{L}}]){{2,63}})$"
)
_MAC: Final = re.compile(
    r"([0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\2){4,18}[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.){2,9}[0-9a-fA-F]{4})"
)
#: Bytes of addresses that Go's ParseMAC accepts.
_MAC_SIZES: Final = frozenset({6, 8, 20})
_TIME: Final = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))")
_GO_DURATION: Final = re.compile(r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_DURATION_PART: Final = re.compile(r"(\d+)\s*([A-Za-zµ]+)", re.ASCII)
_UNITS: Final = frozenset({"ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk"})
_UNIT_PREFIXES: Final = ("nano", "micro", "milli", "sec", "min", "hour", "day", "week")
_INT64_MAX: Final = 2**63 - 1
_CARD: Final = re2.compile(
    r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$"
)
_BAD_ESCAPE: Final = re.compile("%(?![0-9a-fA-F]{2})")
_SCHEME: Final = re.compile("[a-zA-Z][a-zA-Z0-9+.-]*:")
_IPV4_PARTS: Final = 4


def _matcher(pattern: str) -> Callable[[str], bool]:
    compiled = re2.compile(pattern)
    return lambda text: compiled.search(text) is not None


def _is_date(text: str) -> bool:
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        return False
    try:
        date.fromisoformat(text if text[:4] != "0000" else f"0004{text[4:]}")
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    parts = text.lower().split("t")
    if len(parts) < 2 or not _is_date(parts[0]):
        return False
    match = _TIME.fullmatch(parts[1])
    return match is not None and match[1] <= "23" and match[2] <= "59" and match[3] <= "59"


def _is_duration(text: str) -> bool:
    if _GO_DURATION.fullmatch(text) is not None:
        return True
    is_valid = False
    for match in _DURATION_PART.finditer(text):
        # Longer numbers do not fit, and take long to parse.
        if len(match[1].lstrip("0")) > 19 or int(match[1]) > _INT64_MAX:
            return False
        unit = match[2].lower()
        is_valid = is_valid or unit in _UNITS or unit.startswith(_UNIT_PREFIXES)
    return is_valid


def _is_hostname(text: str) -> bool:
    if len(text.encode()) > 255 or _HOSTNAME.search(text) is None:
        return False
    return all(len(part.encode()) <= 63 for part in text.split("."))


def _parse_ip(text: str) -> Any:
    """Parse an address as Go, which has no zones here; leading zeros are allowed for IPv4."""
    if len(text) > 100 or "%" in text:
        return None
    try:
        if ":" not in text:
            parts = text.split(".")
            if len(parts) != _IPV4_PARTS or not all(part.isascii() and part.isdigit() for part in parts):
                return None
            text = ".".join(str(int(part)) for part in parts)
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_ipv4(text: str) -> bool:
    return "." in text and _parse_ip(text) is not None


def _is_ipv6(text: str) -> bool:
    return ":" in text and _parse_ip(text) is not None


def _is_cidr(text: str) -> bool:
    address, slash, bits = text.partition("/")
    parsed = _parse_ip(address)
    if parsed is None or not slash or not (bits.isascii() and bits.isdigit()) or len(bits) > 8:
        return False
    return int(bits) <= int(parsed.max_prefixlen)


def _is_mac(text: str) -> bool:
    if len(text) > 60 or _MAC.fullmatch(text) is None:
        return False
    return len(re.sub("[:.-]", "", text)) // 2 in _MAC_SIZES


def _is_email(text: str) -> bool:
    if len(text) > 1_000:
        return False
    address = parseaddr(text)[1]
    local, at, domain = address.rpartition("@")
    return bool(at and local and domain) and " " not in address


def _is_request_uri(text: str) -> bool:
    """Whether Go's url.ParseRequestURI accepts it: an absolute path or a URI with a scheme."""
    if not text or any(ord(letter) < 0x21 or ord(letter) == 0x7F for letter in text):
        return False
    if _BAD_ESCAPE.search(text.partition("?")[0]) is not None:
        return False
    return text.startswith("/") or text == "*" or _SCHEME.match(text) is not None


def _is_card(text: str) -> bool:
    if len(text) > 1_000:
        return False
    digits = re.sub("[^0-9]+", "", text)
    if _CARD.search(digits) is None:
        return False
    total = 0
    for index, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + index % 2)
        total += number - 9 if number >= 10 else number
    return total % 10 == 0


def _is_isbn10(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text, flags=re.ASCII)
    if re.fullmatch("[0-9]{9}[0-9X]", digits) is None:
        return False
    numbers = [10 if digit == "X" else int(digit) for digit in digits]
    return sum(place * number for place, number in enumerate(numbers, 1)) % 11 == 0


def _is_isbn13(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text, flags=re.ASCII)
    if re.fullmatch("[0-9]{13}", digits) is None:
        return False
    total = sum(int(digit) * (1, 3)[index % 2] for index, digit in enumerate(digits[:12]))
    return int(digits[12]) == (10 - total % 10) % 10


def _bounded(limit: int, check: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: len(text) <= limit and check(text)


#: By name without dashes, as upstream looks them up.
CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "bsonobjectid": _matcher("^[0-9a-fA-F]{24}$"),
    "uri": _is_request_uri,
    "email": _is_email,
    "hostname": _is_hostname,
    "ipv4": _is_ipv4,
    "ipv6": _is_ipv6,
    "cidr": _is_cidr,
    "mac": _is_mac,
    "uuid": _matcher(_UUID.format(_HEX4, _HEX4)),
    "uuid3": _matcher(_UUID.format("3[0-9a-f]{3}", _HEX4)),
    "uuid4": _matcher(_UUID.format("4[0-9a-f]{3}", "[89ab][0-9a-f]{3}")),
    "uuid5": _matcher(_UUID.format("5[0-9a-f]{3}", "[89ab][0-9a-f]{3}")),
    "isbn": lambda text: _is_isbn10(text) or _is_isbn13(text),
    "isbn10": _is_isbn10,
    "isbn13": _is_isbn13,
    "creditcard": _is_card,
    "ssn": _bounded(11, _matcher(r"^\d{3}[- ]?\d{2}[- ]?\d{4}$")),
    "hexcolor": _matcher("^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"),
    "rgbcolor": _matcher(rf"^rgb\(\s*{_COLOR}\s*,\s*{_COLOR}\s*,\s*{_COLOR}\s*\)$"),
    "byte": _matcher("^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"),
    "password": lambda _: True,
    "date": _is_date,
    "duration": _is_duration,
    "datetime": _is_date_time,
    "k8sshortname": _bounded(63, _matcher(f"^{_LABEL}$")),
    "k8slongname": _bounded(253, _matcher(rf"^{_LABEL}(\.{_LABEL})*$")),
}
