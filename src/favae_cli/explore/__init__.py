"""A page in the browser to look into a trained run."""
