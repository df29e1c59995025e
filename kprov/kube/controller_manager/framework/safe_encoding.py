"""Hashes in names: without vowels and digits that look like letters (rand.SafeEncodeString)."""

from typing import Final

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"


def encode_hash(value: int) -> str:
    """Encode the decimal digits of a hash, so that no words result."""
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(value))
