"""From the user's files to a first experiment: what each column is, which columns make a view, and the YAML."""
