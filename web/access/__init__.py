"""Tokens, sessions and the audit."""
