"""What to do with own data before any training: propose an experiment, and look for mistakes."""
