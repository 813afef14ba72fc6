"""Prices: which tickers there are, with their timeframes and date ranges."""
