"""What clients see who are not ours: many writers at once, Debian's kubectl, client-go."""
