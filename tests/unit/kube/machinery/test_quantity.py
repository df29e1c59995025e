import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprov.kube.machinery.quantity import BINARY_SI, Quantity, QuantityError, canonical


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0", "0"),
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("1000", "1k"),
        ("0.1Ki", "102400m"),
        ("2e3", "2e3"),
        ("-1.5", "-1500m"),
        ("0.1n", "1n"),
        ("8Ei", "9223372036854775807"),
    ],
)
def test_quantities_are_shown_in_canonical_form(text: str, shown: str) -> None:
    assert canonical(text) == shown


@pytest.mark.parametrize("text", ["", "abc", "1 Gi", "--1", "1GiB", "1e"])
def test_invalid_quantities_are_rejected(text: str) -> None:
    with pytest.raises(QuantityError):
        Quantity.parse(text)


def test_fractions_of_quantities_are_rounded_up() -> None:
    assert Quantity.parse("1500m").value == 2
    assert Quantity.parse("0.1m").milli_value == 1


@given(st.integers(-(10**15), 10**15))
def test_whole_numbers_survive_both_notations(number: int) -> None:
    assert Quantity.parse(str(Quantity.of(number))).value == number
    assert Quantity.parse(str(Quantity.of(number, BINARY_SI))).value == number


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_sums_and_order_are_those_of_the_numbers(left: int, right: int) -> None:
    first, second = Quantity.of_milli(left), Quantity.of_milli(right)
    assert (first + second).milli_value == left + right
    assert (first - second).milli_value == left - right
    assert (first < second) == (left < right)


@given(st.integers(0, 10**9), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi", "e3", "u"]))
def test_the_canonical_form_is_the_same_amount(number: int, suffix: str) -> None:
    text = f"{number}{suffix}"
    assert Quantity.parse(canonical(text)) == Quantity.parse(text)


@pytest.mark.parametrize("text", ["1" * 5_000, "0." + "0" * 5_000 + "1", "1" * 1_001 + "Gi"])
def test_a_quantity_of_many_digits_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="unable to parse numeric part of quantity"):
        Quantity.parse(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1" * 1_000, "1" * 1_000),
        ("1" + "0" * 999, "1" + "0" * 981 + "E"),
        ("1.25e900", "1250e897"),
        ("1e999", "1e999"),
        ("1e-3", "1e-3"),
        ("10e2", "1e3"),
        ("1000000u", "1"),
        ("1500000n", "1500u"),
    ],
)
def test_zeros_at_the_end_become_the_suffix(text: str, shown: str) -> None:
    assert str(Quantity.parse(text)) == shown


@given(st.integers(0, 10**19), st.sampled_from(["", "+", "00"]))
def test_whole_numbers_have_the_amount_and_the_text_of_other_spellings(number: int, prefix: str) -> None:
    """They take a faster way."""
    plain, other = Quantity.parse(str(number)), Quantity.parse(f"{prefix}{number}")
    assert plain == other == Quantity.parse(f"{number}.0")
    assert canonical(str(number)) == str(Quantity.of(number))
