"""The work of the leading reconciler: repairs, and the steps of plans."""
