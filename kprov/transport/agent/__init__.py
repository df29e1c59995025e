"""The program on the other side of a channel: its archive, its start as a user, its frames."""
