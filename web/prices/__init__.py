"""Prices: tickers with the versions of their series, loading, and what each version differs in."""
