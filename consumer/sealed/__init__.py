"""Strategies in Python: a process of their own without files, network and secrets, and the Job's side of it."""
