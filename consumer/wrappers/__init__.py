"""New behaviour around the frozen engine: each wrapper takes an engine, and gives a result of the same shape."""
