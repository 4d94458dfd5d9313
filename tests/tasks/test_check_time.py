"""How long a run takes is told from some of its work, and all of it where that is quick."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from hydra import compose, initialize_config_dir

from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.run import Config
from favae_cli.data.loading import loaded
from favae_cli.machine.runtime import prepare
from favae_cli.models.fa_vae import FAVAE
from favae_cli.tasks import check_time
from favae_cli.tasks.check_time import long_factors, phases
from favae_cli.training.build import build_model
from favae_cli.views import RealView


class Clock:
    """Seconds that pass only in `work`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.done = 0.0, list[float]()
        monkeypatch.setattr("favae_cli.tasks.check_time.time.perf_counter", lambda: self.now)

    def work(self, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.now += seconds
            self.done.append(seconds)

        return work


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_what_is_quick_is_tried_as_a_whole(clock: Clock) -> None:
    assert check_time._of_all([(weight, clock.work(0.01)) for weight in (1, 5, 2)]) == pytest.approx(0.03)
    assert check_time._of_all([]) == 0


def test_of_what_is_slow_a_heavy_part_tells_of_all(clock: Clock) -> None:
    parts = [(weight, clock.work(10 * weight)) for weight in (4.0, 1.0, 2.0, 8.0, 3.0)]
    assert check_time._of_all(parts) == pytest.approx(180)
    assert clock.done == [40]


@pytest.fixture(scope="module")
def config() -> Config:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        return validate(compose("run", ["experiment=wine_views", "trainer.device=cpu", "trainer.threads=1"]))


@pytest.mark.slow
def test_phases_are_tried_in_silence(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(check_time, "ENOUGH", 0.0)
    data = loaded(config.data, config.cache, config.seed).seen_as(config.sources)
    with caplog.at_level(logging.INFO):
        model = build_model(config, data, prepare(config.trainer))
        assert isinstance(model, FAVAE)
        caplog.clear()
        found = phases(config, model, data, start=4.0, reading=0.5)
    assert caplog.messages == []
    assert [*found] == ["start", "data", "factors", "regressions", "evaluation", "figures"]
    assert all(seconds > 0 for seconds in found.values())
    none = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"figures": False})})
    assert phases(none, model, data, 4.0, 0.5)["figures"] == 0


def test_a_network_is_advised_where_very_many_columns_take_long() -> None:
    model = FAVAE({"narrow": RealView(10), "wide": RealView(5000)})
    assert [*long_factors(model, 100)] == []
    (line,) = long_factors(model, 1000)
    assert line.startswith("views.wide: the factors take long, and look at each of its 5000 columns; type vector")
    assert [*long_factors(FAVAE({"narrow": RealView(10)}), 1000)] == []
