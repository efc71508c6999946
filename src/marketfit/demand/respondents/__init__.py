"""Who answered, how well, and for how many: quality of respondents and weights that match the market."""
