"""What is wrong, or may be, with an experiment and its data; each finding is a line that says what to do."""
