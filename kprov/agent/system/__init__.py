"""File systems and users' home folders."""
