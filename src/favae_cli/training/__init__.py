"""From a config and data to a trained run on disk, in one process or several."""
