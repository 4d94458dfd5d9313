"""Image files, decoded once and kept as memory-mapped arrays."""
