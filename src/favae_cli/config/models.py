"""Typed schema of the models: FA-VAE and its rivals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from favae_cli.config.section import Count, NotNegative, Positive, Section


class FactorModelConfig(Section):
    """Models whose views are tied by factor analysis."""

    factors: Count | None = Field(description="K to start with; null: a tenth of the training samples, 2 to 100")


class FaVaeConfig(FactorModelConfig):
    """VAEs that learn together with the factors, round by round."""

    name: Literal["fa_vae"]
    beta: NotNegative = Field(description="weight of the KL term in the rounds")
    gamma: NotNegative = Field(description="weight of predicting each view through the factors; 0: as published")
    prior: Literal["predictive", "posterior"] = Field(description="prior of z: the views it is from")
    feed: float = Field(ge=0, le=1, description="share of the samples decoded from the mean of the prior")
    feed_rounds: int | None = Field(ge=0, description="rounds in which they are, the first ones; null: all")


class VaeConfig(FactorModelConfig):
    """VAEs alone for as many epochs, joined by factor analysis once they are trained."""

    name: Literal["vae"]


class BetaVaeConfig(FactorModelConfig):
    """As `vae`, with beta > 1, or with a capacity that the KL grows along (Burgess et al., 2018)."""

    name: Literal["beta_vae"]
    beta: NotNegative = Field(description="weight of the KL term, or of its distance from the capacity")
    capacity: NotNegative = Field(description="nats of KL that are free at the end; 0: the plain beta-VAE")
    growth: Count = Field(description="epochs in which the capacity grows from 0, linearly")


class FaConfig(FactorModelConfig):
    """No network: factor analysis of the standardised data themselves."""

    name: Literal["fa"]
    components: Count = Field(description="dimensions kept of each image view, at most")


class JointModelConfig(Section):
    """Models that train all views at once."""

    name: str


class MultiVaeConfig(JointModelConfig):
    """A Gaussian z for each view and one categorical c for all (Xu et al., 2021)."""

    name: Literal["multi_vae"]
    beta: NotNegative = Field(description="weight of both distances from their capacities")
    classes: int = Field(ge=2, description="values of c; z has the latent size less these")
    temperature: Positive = Field(description="of the relaxed c")
    capacity_c: NotNegative = Field(description="nats of KL(c) at the end; at most log(classes) can be used")
    capacity_z: NotNegative = Field(description="nats of KL(z) of each view at the end")
    growth: Count = Field(description="epochs in which both capacities grow from 0, linearly")


class AmvaeConfig(JointModelConfig):
    """A z that all views share, from a layer over all encoders, and one of each view's own (Youpeng et al., 2021)."""

    name: Literal["amvae"]
    beta: NotNegative = Field(description="weight of the KL terms")
    private: Count = Field(description="dimensions of each view's own part; the shared one has the rest")


class Jva2eConfig(JointModelConfig):
    """Each view's z decodes all views, and an adversary aligns them (Li et al., 2022)."""

    name: Literal["jva2e"]
    beta: NotNegative = Field(description="weight of the KL term")
    adversary: NotNegative = Field(description="weight of leaving the adversary undecided")
    hidden: Count = Field(description="units of the adversary's layer")


class LibraryModelConfig(JointModelConfig):
    """A joint VAE of the package multivae, its keys called as they are there."""


class MvaeConfig(LibraryModelConfig):
    """Product of experts (Wu and Goodman, 2018)."""

    name: Literal["mvae"]
    beta: NotNegative = Field(description="weight of the KL term")
    use_subsampling: bool = Field(description="add the ELBO of every view alone")


class MmvaeConfig(LibraryModelConfig):
    """Mixture of experts (Shi et al., 2019)."""

    name: Literal["mmvae"]
    K: Count = Field(description="draws of z a sample, of an importance-weighted bound")
    prior_and_posterior_dist: Literal["laplace_with_softmax", "normal"] = Field(description="of z")
    learn_prior: bool = Field(description="learn the prior's scale")


class JmvaeConfig(LibraryModelConfig):
    """Joint encoder with one for each view drawn to it (Suzuki et al., 2016)."""

    name: Literal["jmvae"]
    beta: NotNegative = Field(description="weight of the KL term")
    alpha: NotNegative = Field(description="weight of the KLs from each view's encoder")


class PrivateModelConfig(LibraryModelConfig):
    """Models with a z that all views share, and one for each view beside it."""

    private: Count = Field(description="dimensions of each view's own part; the shared one has the rest")


class DmvaeConfig(PrivateModelConfig):
    """Shared and private parts of z (Lee and Pavlovic, 2021)."""

    name: Literal["dmvae"]
    beta: NotNegative = Field(description="weight of the shared part's KL term")


class PrivateMixtureConfig(PrivateModelConfig):
    """Mixtures of experts with private parts."""

    K: Count = Field(description="draws of z a sample, of an importance-weighted bound")
    prior_and_posterior_dist: Literal["laplace_with_softmax", "normal"] = Field(description="of z")
    beta: NotNegative = Field(description="weight of the KL terms")


class MmvaePlusConfig(PrivateMixtureConfig):
    """What is not shared is in a z of each view's own (Palumbo et al., 2023)."""

    name: Literal["mmvaeplus"]


class CmvaeConfig(PrivateMixtureConfig):
    """As `mmvaeplus`, with a mixture of clusters as the prior of the shared part (Palumbo et al., 2024)."""

    name: Literal["cmvae"]
    number_of_clusters: Count = Field(description="clusters of the shared part")


class MopoeConfig(LibraryModelConfig):
    """Mixture of products of experts (Sutter et al., 2021)."""

    name: Literal["mopoe"]
    beta: NotNegative = Field(description="weight of the KL term")


class MvtcaeConfig(LibraryModelConfig):
    """Total correlation (Hwang et al., 2021)."""

    name: Literal["mvtcae"]
    beta: NotNegative = Field(description="weight of all KL terms")
    alpha: float = Field(ge=0, le=1, description="share of the total correlation, the rest is the ELBO's")


class CrmvaeConfig(LibraryModelConfig):
    """Product of experts, each of which decodes its own view as well (Suzuki and Matsuo, 2023)."""

    name: Literal["crmvae"]
    beta: NotNegative = Field(description="weight of all KL terms")
