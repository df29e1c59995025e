"""How to reach a host: from connection variables, ssh's arguments and ~/.ssh/config."""
