"""Receipts: results as files that anyone can check."""
