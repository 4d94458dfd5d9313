"""What a config can choose: the views, data sets and models of this package and of others (`common.extensions`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union, get_args

from pydantic import Field

from favae_cli.common import extensions
from favae_cli.config.data_base import Kind
from favae_cli.config.data_sets import (
    ArraysConfig,
    AvatarsConfig,
    BundledConfig,
    CartoonSetConfig,
    CelebAConfig,
    DigitsConfig,
    PairsConfig,
)
from favae_cli.config.models import (
    AmvaeConfig,
    BetaVaeConfig,
    CmvaeConfig,
    CrmvaeConfig,
    DmvaeConfig,
    FaConfig,
    FaVaeConfig,
    JmvaeConfig,
    Jva2eConfig,
    MmvaeConfig,
    MmvaePlusConfig,
    MopoeConfig,
    MultiVaeConfig,
    MvaeConfig,
    MvtcaeConfig,
    VaeConfig,
)
from favae_cli.config.own_files import ManifestConfig
from favae_cli.config.section import by_tag
from favae_cli.config.views import (
    BaseViewConfig,
    BernoulliViewConfig,
    CategoricalViewConfig,
    CountsViewConfig,
    FrozenViewConfig,
    OrdinalViewConfig,
    RealViewConfig,
    SequenceViewConfig,
    TextViewConfig,
    VaeViewConfig,
)

_Data = (
    AvatarsConfig
    | ManifestConfig
    | CelebAConfig
    | CartoonSetConfig
    | PairsConfig
    | DigitsConfig
    | BundledConfig
    | ArraysConfig
)
_Models = (
    FaVaeConfig
    | VaeConfig
    | BetaVaeConfig
    | FaConfig
    | MultiVaeConfig
    | AmvaeConfig
    | Jva2eConfig
    | MvaeConfig
    | MmvaeConfig
    | MmvaePlusConfig
    | CmvaeConfig
    | CrmvaeConfig
    | JmvaeConfig
    | DmvaeConfig
    | MopoeConfig
    | MvtcaeConfig
)
_Views = (
    VaeViewConfig
    | CountsViewConfig
    | SequenceViewConfig
    | TextViewConfig
    | BernoulliViewConfig
    | CategoricalViewConfig
    | OrdinalViewConfig
    | RealViewConfig
    | FrozenViewConfig
)
VIEW_SECTIONS: dict[str, type[BaseViewConfig]] = by_tag(_Views, "type") | extensions.sections("views")
"""By type, the section of such a view."""

if TYPE_CHECKING:
    DataConfig = _Data
    ModelConfig = _Models
    ViewConfig = _Views
else:
    DataConfig = Annotated[Union[_Data, *extensions.sections("data").values()], Field(discriminator="name")]
    ModelConfig = Annotated[Union[_Models, *extensions.sections("models").values()], Field(discriminator="name")]
    ViewConfig = Annotated[Union[*VIEW_SECTIONS.values()], Field(discriminator="type")]

SEEN_BY: dict[str, tuple[str, ...]] = {
    kind: tuple(name for name, section in VIEW_SECTIONS.items() if kind in section.sees) for kind in get_args(Kind)
}
"""By kind of data, the types of view that can see them."""
