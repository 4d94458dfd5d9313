"""What every part may use: the exceptions that are no bugs, files, random streams."""
