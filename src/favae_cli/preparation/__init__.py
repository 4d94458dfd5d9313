"""Before any training: what the user's files hold, a first experiment for them, and what may be wrong with it."""
