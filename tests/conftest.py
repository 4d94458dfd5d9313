"""Whoever runs tests gets what they share."""

from __future__ import annotations

import gc

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures of all tests, but not where tests are only handed out to other processes: they take seconds."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        gc.disable()  # until all is collected
        config.pluginmanager.import_plugin("tests.shared_fixtures")
