"""dnf's command line and rpm's database."""
