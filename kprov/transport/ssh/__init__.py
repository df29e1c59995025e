"""SSH connections with paramiko: host keys, authentication, packets, jump hosts."""
