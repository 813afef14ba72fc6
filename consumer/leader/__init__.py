"""Work of the leading reconciler: repairs, and plans that move on."""
