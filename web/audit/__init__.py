"""Who changed what, and what was refused."""
