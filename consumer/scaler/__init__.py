"""The local scaler: one process for each message."""
