"""What favae-run adds to Hydra, which takes sweepers and launchers from packages in this place only."""
