"""Segments: groups of people who want different things, what each wants, what it would pay, and who is in it."""
