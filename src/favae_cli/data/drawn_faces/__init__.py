"""Faces in two styles, drawn from factors that are known."""
