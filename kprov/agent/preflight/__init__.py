"""What the operator's preflight checks read and try on a host. Called by the module preflight."""
