"""Attribute coding: from attributes of alternatives and offers to rows of the design matrix."""
