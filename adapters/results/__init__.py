"""What a finished run says: metrics in words, series as stored and as derived; no numpy, since pages show it."""
