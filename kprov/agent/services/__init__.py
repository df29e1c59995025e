"""Service managers: systemd and init scripts."""
