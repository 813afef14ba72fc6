"""Price files, the bars in them and the tickers that they belong to; no numpy, so that the web tier may read them."""
