"""Prices: series of tickers, their versions, and uploads."""
