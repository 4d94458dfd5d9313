"""Figures, tables and the report: how results are shown."""
