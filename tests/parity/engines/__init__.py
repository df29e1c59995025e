"""The two engines, each behind the same `play(request)`."""
