"""Tables and arrays as they lie on disk, and how their rows are joined."""
