"""Choice data: reading and checking who chose what among which alternatives."""
