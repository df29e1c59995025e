"""Manages services of systemd and of init scripts."""
