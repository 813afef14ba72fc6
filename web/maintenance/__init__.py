"""Probes, Prometheus' numbers, and how much room the data takes."""
