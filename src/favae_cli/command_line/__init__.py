"""From the command line to a run: composing, resuming, starting processes."""
