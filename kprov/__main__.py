"""`python -m kprov` is `kprov`."""

from kprov.cli.main import main

main()
