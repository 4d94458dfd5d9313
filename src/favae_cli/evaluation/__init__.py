"""How good a trained model is: metrics and figures of held-out samples."""
