"""The checks, one file a subject. Each is a function from all hosts to the problems that it finds."""
