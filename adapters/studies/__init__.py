"""Heavy statistics of studies, with numpy: what chance does to returns, trades and choices."""
