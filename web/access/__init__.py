"""Log-in, sessions and the audit."""
