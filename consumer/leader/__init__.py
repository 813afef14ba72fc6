"""The work of the leading reconciler."""
