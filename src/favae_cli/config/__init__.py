"""What a run is told: the typed schema of every key, how configs are composed, found and read again."""
