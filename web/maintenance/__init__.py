"""Probes, metrics for Prometheus, and the size of stored data."""
