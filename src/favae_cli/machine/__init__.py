"""Where a run computes: device and precision, the processes that share the work, and the signals that stop it."""
