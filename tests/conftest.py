"""Whoever runs tests gets what they share."""

from __future__ import annotations

import gc

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures of all tests, but not where tests are only handed out to other processes: they take seconds."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        gc.disable()  # until all is collected
        config.pluginmanager.import_plugin("tests.shared_fixtures")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that have to stay together: a process that has nothing left takes those at the end."""
    items.sort(key=lambda item: item.get_closest_marker("together") is None)
