"""fstab(5), mounted file systems, and users' home folders."""
