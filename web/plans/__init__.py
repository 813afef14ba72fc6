"""Plans of every kind: the operations that batches, screens, studies and portfolios share."""
