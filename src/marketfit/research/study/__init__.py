"""The study of a choice survey: who answered in earnest, which model foretells choices, what it says of the market."""
