"""Batches: what a sweep stands for."""
