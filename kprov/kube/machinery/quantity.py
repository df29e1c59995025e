"""Amounts of resources: "500m", "1.5Gi", "2e3", with upstream's rounding and canonical form.

Source: staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from kprov.kube.machinery.go_text.go_json import normalize_number
from kprov.kube.machinery.key_bounds import cache_short

DECIMAL_SI, BINARY_SI, DECIMAL_EXPONENT = "DecimalSI", "BinarySI", "DecimalExponent"

_NANO = 10**9
_MAX_BINARY = (2**63 - 1) * _NANO
_PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_SPLIT = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*)([-+]?[0-9]*)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {exponent: suffix for suffix, exponent in _BINARY.items()} | {0: ""}
#: Limit of digits, for the same reason as that of exponents. Upstream has none.
_MAX_DIGITS = 1_000
#: Whole numbers of so many digits fit 64 bits.
_SHORT_DIGITS = 18
#: Limit of exponents, so that a client cannot make the server compute huge numbers.
_MAX_EXPONENT = 999


class QuantityError(ValueError):
    """An invalid quantity. The message is upstream's."""


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An exact amount in nano units. `format` is how it is shown: DecimalSI, BinarySI, DecimalExponent."""

    nanos: int
    format: str = DECIMAL_SI
    _text: str | None = None

    @classmethod
    def parse(cls, text: str | float) -> Quantity:
        """From wire text (or a JSON number). Smaller than a nano is rounded up. Raises QuantityError."""
        if isinstance(text, float):
            text = normalize_number(text)
        return _parse(text if isinstance(text, str) else repr(text))

    @classmethod
    def of(cls, units: int, shown_as: str = DECIMAL_SI) -> Quantity:
        """Return a whole number of units: cores, bytes."""
        return cls(units * _NANO, shown_as)

    @classmethod
    def of_milli(cls, milli: int, shown_as: str = DECIMAL_SI) -> Quantity:
        return cls(milli * 10**6, shown_as)

    @property
    def value(self) -> int:
        """Whole units, rounded away from zero as upstream's Value() does (cores, bytes)."""
        return _round_up(self.nanos, _NANO)

    @property
    def milli_value(self) -> int:
        """Thousandths, rounded away from zero as upstream's MilliValue() does."""
        return _round_up(self.nanos, 10**6)

    @property
    def is_zero(self) -> bool:
        return self.nanos == 0

    def __float__(self) -> float:
        return self.nanos / _NANO

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos + other.nanos, self.format if self.nanos else other.format)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos - other.nanos, self.format if self.nanos else other.format)

    def __neg__(self) -> Quantity:
        return Quantity(-self.nanos, self.format)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nanos == other.nanos

    def __lt__(self, other: Quantity) -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __str__(self) -> str:
        """Canonical form: no fraction, largest suffix that keeps every digit."""
        if self._text is not None:
            return self._text
        if self.nanos == 0:
            return "0"
        whole, rest = divmod(abs(self.nanos), _NANO)
        if self.format == BINARY_SI and whole >= 1024 and not rest:
            factor, exponent = _factor_out(whole, 1024, 10, limit=60)
            number = str(factor)
            suffix = _BINARY_SUFFIX[exponent]
        else:
            is_exponent = self.format == DECIMAL_EXPONENT
            number, exponent = _factor_out_thousands(abs(self.nanos), None if is_exponent else 18)
            suffix = (f"e{exponent}" if exponent else "") if is_exponent else _DECIMAL_SUFFIX[exponent]
        return f"{'-' if self.nanos < 0 else ''}{number}{suffix}"


ZERO = Quantity(0)


def canonical(text: str | float) -> str:
    """Return the form in which the API shows a quantity: "0.5" > "500m", "1000m" > "1".

    Raises QuantityError.
    """
    return str(Quantity.parse(text))


def canonical_milli(text: str | float) -> str:
    """As `canonical`, rounded up to thousandths, as amounts in core's resource lists are: "1500u" > "2m"."""
    quantity = Quantity.parse(text)
    return str(
        Quantity.of_milli(quantity.milli_value, quantity.format) if quantity.nanos % 10**6 else quantity
    )


def _round_up(nanos: int, unit: int) -> int:
    return -(-nanos // unit) if nanos >= 0 else nanos // unit


def _factor_out(number: int, base: int, step: int, *, limit: int) -> tuple[int, int]:
    exponent = 0
    while number % base == 0 and exponent < limit:
        number //= base
        exponent += step
    return number, exponent


def _factor_out_thousands(nanos: int, limit: int | None) -> tuple[str, int]:
    """Return the digits and the exponent without zeros at the end. Hundreds of divisions take much longer."""
    digits = str(nanos)
    groups = (len(digits) - len(digits.rstrip("0"))) // 3
    if limit is not None:
        groups = min(groups, (limit + 9) // 3)
    return digits[: len(digits) - 3 * groups], 3 * groups - 9


def _suffix(letters: str, digits: str) -> tuple[int, int, str]:
    """Return base, exponent and format of a suffix."""
    if not digits and letters in _DECIMAL:
        return 10, _DECIMAL[letters], DECIMAL_SI
    if not digits and letters in _BINARY:
        return 2, _BINARY[letters], BINARY_SI
    if letters in {"e", "E"} and digits.lstrip("+-") and len(digits) <= 5:
        exponent = int(digits)
        if abs(exponent) <= _MAX_EXPONENT:
            return 10, exponent, DECIMAL_EXPONENT
    raise QuantityError("unable to parse quantity's suffix")


@cache_short(maxsize=4096)
def _parse(text: str) -> Quantity:
    if text.isdecimal() and text.isascii() and len(text) <= _SHORT_DIGITS and text[0] != "0":
        # The usual case, which has to be fast: an object may have a hundred thousand quantities.
        return Quantity(int(text) * _NANO, DECIMAL_SI, None if text.endswith("000") else text)
    match = _SPLIT.fullmatch(text)
    if not text or match is None:
        raise QuantityError(f"quantities must match the regular expression '{_PATTERN}'")
    sign, whole, fraction, letters, digits = match.groups(default="")
    base, exponent, form = _suffix(letters, digits)
    if not 0 < len(whole) + len(fraction) <= _MAX_DIGITS:
        raise QuantityError("unable to parse numeric part of quantity")
    # Every factor but the number is a power: nanos = number * factor / divisor, exactly.
    number = int(whole + fraction)
    power = (exponent if base == 10 else 0) + 9 - len(fraction)
    factor = (1 << exponent if base == 2 else 1) * 10 ** max(power, 0)
    nanos = _round_up(number * factor, 10 ** max(-power, 0))
    if form == BINARY_SI:
        nanos = min(nanos, _MAX_BINARY)
        if 0 < nanos < _NANO:
            form = DECIMAL_SI
    kept = text if _keeps_its_text(whole.lstrip("0") or "0", fraction, base, exponent) else None
    return Quantity(-nanos if sign == "-" else nanos, form, kept)


def _keeps_its_text(whole: str, fraction: str, base: int, exponent: int) -> bool:
    """Upstream's fast path gives back the text as written when it looks canonical, "1.500" too."""
    shifted = whole + fraction
    if shifted[0] == "0":
        return False
    if base == 2:
        free_digits = 15 - len(whole) - exponent * 3 // 10 - 1
        return not fraction and free_digits >= 0 and int(shifted) & 7 != 0
    scale = exponent - len(fraction)
    return len(shifted) <= 18 and -9 <= scale <= 18 and scale % 3 == 0 and not shifted.endswith("000")
