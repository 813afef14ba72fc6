"""Price files, the bars in them and the tickers that they belong to."""
