"""Hierarchical Bayes: every person has coefficients of their own, drawn from a normal population."""
