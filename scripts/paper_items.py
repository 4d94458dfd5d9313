"""The paper's figures and tables: what each shows, the published numbers, and where runs have theirs.

Published numbers are for CelebA. What could not be checked is left out, not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

UNSTATED = "not stated here"


@dataclass(frozen=True)
class Row:
    """A number of the paper beside ours.

    Attributes:
        label: what it is.
        key: in metrics.json; a * stands for anything, and the first key that fits counts.
        published: as published.
        part: whose runs have it; empty: the item's first.
        absent: what is said where a finished run lacks the key.
    """

    label: str
    key: str
    published: str = UNSTATED
    part: str = ""
    absent: str = "-"


@dataclass(frozen=True)
class Item:
    """A figure or table of the paper.

    Attributes:
        number: in the paper, or the section that has it.
        title: of the item.
        shows: what it shows in the paper, in our words.
        parts: the steps that fill it.
        figures: names of files in a run's figures/; a * stands for anything.
        tables: titles of a run's own tables that are shown; a * stands for anything.
        rows: published numbers and ours.
        compared: whether the models of all parts are put side by side.
        remark: what to know about our numbers.
    """

    number: str
    title: str
    shows: str
    parts: tuple[str, ...]
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    compared: bool = False
    remark: str = ""

    @property
    def anchor(self) -> str:
        """Of the item on the page."""
        return "".join(sign if sign.isalnum() else "-" for sign in f"{self.number} {self.title}".lower())


SECTIONS = {
    "3.1 and A.1: conditioning a VAE on attributes": (
        Item(
            "Fig. 4",
            "Likelihood and KL by epoch",
            "Log-likelihood and KL of a VAE alone and of one that is conditioned on attributes: conditioning does "
            "not make reconstruction worse.",
            ("condition",),
            figures=("curves",),
            tables=("Reconstruction",),
        ),
        Item(
            "Fig. 5",
            "Attribute editing",
            "Faces edited towards every combination of the attributes; the rest of a face stays as it was.",
            ("condition",),
            figures=("editing",),
            rows=(
                Row("edits that show the wanted attribute", "edit/flip"),
                Row("what they could at best", "edit/ceiling"),
                Row("other attributes that stay", "edit/keep"),
            ),
        ),
        Item(
            "Fig. A.15",
            "Random conditional images",
            "Random faces, generated for given attributes.",
            ("condition",),
            figures=("generated",),
            rows=(Row("asked attributes that the images show", "generate/accuracy"),),
        ),
        Item(
            "Table (3.1, A.1)",
            "AUC of the attributes",
            "How well each attribute is predicted from the image.",
            ("condition",),
            tables=("Prediction of *",),
        ),
    ),
    "3.2 and A.2: domain adaptation": (
        Item(
            "Fig. 8",
            "Translation",
            "Faces translated into cartoons that share their hair colour and glasses, through the common factors.",
            ("adapt",),
            figures=("translation_*",),
            tables=("Translation",),
        ),
        Item(
            "Fig. 9, A.16",
            "Interpolation",
            "The way from one sample to another, in the embedding of a view and in the common factors, from where "
            "both views are decoded.",
            ("adapt",),
            figures=("interpolation_*",),
        ),
        Item(
            "Fig. 10",
            "Relevance of the factors",
            "Which factor matters to which view: some are private to one, some shared by several.",
            ("adapt", "condition"),
            figures=("relevance",),
            tables=("Factors",),
        ),
        Item(
            "3.2, rivals",
            "Other models at the same task",
            "FA-VAE beside Multi-VAE (Xu et al., 2021).",
            ("adapt", "published", "multi_vae", "beta_vae"),
            compared=True,
            remark="FA-VAE is the default of this program, whose views learn through the factors from a linear start; "
            "the column published is the published algorithm. Here a beta-VAE for each view, joined by factors after "
            "training, is scored as well.",
        ),
        Item(
            "3.2, as published",
            "Translation by the published algorithm",
            "The translations of Fig. 8 by FA-VAE without what was added to it.",
            ("published",),
            figures=("translation_*",),
            tables=("Translation",),
        ),
        Item(
            "3.2, Multi-VAE",
            "Translation by Multi-VAE",
            "The translations of Fig. 8 by Multi-VAE.",
            ("multi_vae",),
            figures=("translation_*",),
        ),
    ),
    "3.3: transfer learning": (
        Item(
            "Fig. 12",
            "Learning with help",
            "A large VAE that learns beside a trained small one is as good as the same VAE alone after about a "
            "quarter of the epochs.",
            ("transfer",),
            figures=("race",),
            tables=("Transfer",),
            rows=(
                Row("share of the rival's epochs", "transfer/epoch_ratio", "about 0.25", absent="never as good"),
                Row("share of its seconds", "transfer/seconds_ratio", absent="never as good"),
            ),
            remark="How long until the rival's best test likelihood is reached, over how long the rival took. The way "
            "called prior is the published mechanism by itself; the default, transfer, begins with the layers of the "
            "small VAE as well.",
        ),
        Item(
            "Fig. 13",
            "Reconstructions",
            "Faces and their reconstructions by the large VAE alone and with help.",
            ("transfer",),
            figures=("reconstructions",),
        ),
        Item(
            "Table 3",
            "R2 of reconstructions",
            "R2 of three models on 10,000 images.",
            ("transfer", "multi_vae"),
            rows=(
                Row("Multi-VAE", "test/*/r2_mean", "0.855", part="multi_vae"),
                Row("beta-VAE, the large VAE alone", "rival/r2_mean", "0.941"),
                Row("FA-VAE, the large VAE with help", "transfer/r2_mean", "0.969"),
            ),
            remark="The authors' script takes one R2 over the pixels of all images; ours is the mean of each test "
            "image's own, which is lower as a rule. Our Multi-VAE is the one of section 3.2, of two views.",
        ),
        Item(
            "Fig. 14",
            "Traversals",
            "The ten most relevant features changed one at a time, for FA-VAE and for the beta-VAE.",
            ("transfer",),
            figures=("traversal*",),
            tables=("Disentanglement",),
        ),
    ),
}
