"""The outside world, a room for each part of it; settings and logs serve all of them."""
