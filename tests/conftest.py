"""What tests of several modules share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hydra import compose, initialize_config_dir

from favae_cli.config import Config, validate
from favae_cli.folders import shipped_configs


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the images that tests draw or decode out of the user's cache, and share them among the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def config_of() -> Callable[..., Config]:
    """The config that overrides of the shipped ones make, valid: `config_of("experiment=...", "seed=3")`."""

    def make(*overrides: str) -> Config:
        with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
            return validate(compose("run", list(overrides)))

    return make
