"""Mixed logit: tastes that differ between people, by simulated maximum likelihood."""
