"""What Dagster shows of a version of an embedding besides its receipt, whoever published it."""

from collections.abc import Callable, Mapping
from typing import Any

from ..gate.context import Gate
from ..lake.published import PublishedCut
from ..projections.dagster_embeddings import figures_metadata, page_metadata, serving_metadata
from ..projections.embedding_page import figures_over_versions, read_page
from ..projections.serving import Serving, remembered
from ..records.declarations import EmbeddingBuild
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from .golden_questions import golden_answers
from .measures import read_measures
from .targets import declared_targets

Describe = Callable[[Receipt], Mapping[str, Any]]
"""Returns what a materialization of this version shows besides its receipt."""


def describe_embeddings(gate: Gate) -> Describe:
    """Returns what describes versions of embeddings; of anything else the measures that its table declares.

    The texts are shown for the version that serves: those of an earlier one say what nobody reads any more.
    """

    def describe(receipt: Receipt) -> Mapping[str, Any]:
        declaration = gate.assets.get(receipt.asset)
        if declaration is None or not isinstance(declaration.build, EmbeddingBuild) or receipt.withdrawn:
            return read_measures(gate, receipt)
        cut = gate.cut_for_readers()
        figures = figures_metadata(figures_over_versions(cut, receipt))
        head = cut.heads.get(receipt.asset)
        if head is None or head.version != receipt.version:
            return figures
        copies = serving_metadata(_copies(gate, receipt.asset), head)
        return {**figures, **copies, **_page(gate, cut, receipt, declaration.build)}

    return describe


def _page(gate: Gate, cut: PublishedCut, receipt: Receipt, build: EmbeddingBuild) -> Mapping[str, Any]:
    source = gate.assets[build.options.source].contract
    try:
        return page_metadata(read_page(cut, receipt, build, source, golden_answers(build, source, cut)))
    except Exception as error:  # noqa: BLE001  # what is shown of a publication never makes it look undone
        gate.say(f"{receipt.asset}@{receipt.version} is shown without a map: {error}")
        return {"map": f"It could not be drawn. {type(error).__name__}: {error}"}


def _copies(gate: Gate, asset: AssetKey) -> tuple[Serving, ...]:
    """What is noted of each serving copy; none of them is asked."""
    targets = [declared.target for declared in declared_targets(gate) if declared.target.asset == asset]
    noted = gate.settings.home.projections
    return tuple(remembered(noted, each.name) or Serving(target=each.name, asset=asset) for each in targets)
