"""Plans: one table and one store for batches, screens, studies and portfolios."""
