"""marketfit."""
