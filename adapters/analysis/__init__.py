"""What only a Job computes, with numpy: prices as arrays, and metrics from equity and trades."""
