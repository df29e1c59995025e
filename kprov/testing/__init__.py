"""The checks of `kprov verify` for tests of your own, such as those of a Molecule scenario.

Called by tests outside kprov. May import operations and verify. docs/molecule.md describes it.
"""

from kprov.testing.checks import assert_checks, check_host

__all__ = ["assert_checks", "check_host"]
