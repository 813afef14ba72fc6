"""Runs: their states, their lists, and what is stored of a finished one."""
