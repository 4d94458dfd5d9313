"""Whoever runs tests gets what they share."""

from __future__ import annotations

import gc

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures of all tests, but not where tests are only handed out to other processes: they take seconds."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        gc.disable()  # until all is collected
        for plugin in ("tests.shared_fixtures", "tests.forked"):
            config.pluginmanager.import_plugin(plugin)


@pytest.hookimpl(trylast=True)  # once those that nobody asked for are gone
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each process modules with slow tests first, and the quick ones last, which end at the same time everywhere.

    Tests that share what takes long to start lead, all for the first process: one that has nothing left takes from the
    end of what another has.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def rank(item: pytest.Item) -> int:
        if item.get_closest_marker("together"):
            return 0
        if not {"fork", "fork_for_all", "forking"}.isdisjoint(getattr(item, "fixturenames", ())):
            return 1  # share the server of tests/forked.py
        return 2 if item.path in slow else 3

    ranked = sorted(items, key=rank)
    quick = sum(rank(item) == 3 for item in ranked)
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    items.clear()
    for process in range(processes):
        for part in (ranked[: len(ranked) - quick], ranked[len(ranked) - quick :]):
            items += part[len(part) * process // processes : len(part) * (process + 1) // processes]
