"""Dagster's inputs and outputs as published versions: assets are given what serves, and return through the gate."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ..errors import Misuse, OrchestratorError, UnknownAsset
from ..operations.gated import bring_frame, gate_over
from ..operations.platform import Platform
from ..operations.served import read_served
from ..projections.dagster_values import platform_key, receipt_metadata
from ..transforming.frames import FrameKind, frame_kind, hand_over
from .gated import gated_table, raise_shortfall, table_keys
from .gated_inputs import ASSET, DATA_VERSION, VERSION, versions_loaded
from .steps import run_start

_PREFIX = "orchestrator/"
CONTRACT, PRODUCER, AUDITOR = (f"{_PREFIX}{name}" for name in ("contract", "producer", "auditor"))


class GatedIOManager(dg.ConfigurableIOManager):
    """Reads published versions, as the type that the parameter is annotated with: pandas where it is not.

    An asset with this I/O manager returns through the gate: its metadata says under which contract and by which
    agents, `orchestrator/contract`, `orchestrator/producer` and `orchestrator/auditor`. One under `@gated` needs none
    of that. `project` and `home` are by default the project that the code lies in, or the environment's.
    """

    project: str = ""
    home: str = ""

    def load_input(self, context: dg.InputContext) -> Any:
        """Returns the version that serves, which the event log then names."""
        asset, kind = platform_key(context.asset_key), _kind(context)
        platform = Platform.open(self.home or None, self.project or None)
        cut = platform.cut()
        head = cut.heads.get(asset)
        if head is None or head.withdrawn:
            raise UnknownAsset(name=asset, known=sorted(cut.heads))
        context.add_input_metadata(
            {
                ASSET: context.asset_key.to_user_string(),
                VERSION: int(head.version),
                DATA_VERSION: head.data_version,
                "snapshot": int(cut.snapshot),
            }
        )
        return hand_over(cut.connect(), f"lake.{asset.quoted}", kind)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Makes a candidate of what the asset returned; it is a version only once its auditor approved it.

        Raises:
            dagster.Failure: It does not serve; the first line says what failed. Nothing is materialized then.
        """
        if obj is None and not any(name in context.definition_metadata for name in (CONTRACT, PRODUCER, AUDITOR)):
            # One under `@gated` was brought through the gate before, and one that says nothing keeps no table here.
            return
        said = _seats(context)
        function = context.op_def.compute_fn.decorated_fn  # type: ignore[union-attr]
        deps = table_keys(context.step_context.job_def.asset_layer.asset_graph.get(context.asset_key).parent_keys)
        table = gated_table(context.asset_key, function, said[CONTRACT], said[PRODUCER], said[AUDITOR], parents=deps)
        start, step = run_start(context.step_context.dagster_run), context.step_context
        try:
            gate = gate_over(table)
            outcome = bring_frame(
                gate,
                table.key,
                obj,
                versions_loaded(step.instance, step.run_id, step.step.key),
                reason="materialized in Dagster",
                on_behalf_of=start.name,
                started=start.started,
            )
        except OrchestratorError as error:
            raise dg.Failure(str(error), metadata={"code": error.code}, allow_retries=error.retryable) from error
        served = read_served(gate, [table.key])
        raise_shortfall(gate, outcome, served)
        receipt = served[table.key].receipt
        if receipt is not None:
            context.add_output_metadata(receipt_metadata(receipt, gate.assets[table.key].contract))
            context.step_context.set_data_version(context.asset_key, dg.DataVersion(receipt.data_version))


def _kind(context: dg.InputContext) -> FrameKind:
    annotation = context.dagster_type.typing_type
    if annotation is Any or annotation is None:
        return "pandas"
    kind = frame_kind(annotation)
    if kind is None:
        raise Misuse(
            f"{context.name} is annotated as {annotation}, which is no table. Nothing was read. Annotate it as a pandas"
            " or polars DataFrame, a pyarrow Table or RecordBatchReader, or a DuckDB relation."
        )
    return kind


def _seats(context: dg.OutputContext) -> Mapping[str, str]:
    said = {name: str(context.definition_metadata[name]) for name in (CONTRACT, PRODUCER, AUDITOR)
            if name in context.definition_metadata}  # fmt: skip
    lacking = [name for name in (CONTRACT, PRODUCER, AUDITOR) if name not in said]
    if lacking:
        raise Misuse(
            f"{context.asset_key.to_user_string()} returns a table, and its metadata has no {', '.join(lacking)}."
            " Nothing was published. Add them, or write @gated(contract=…, producer=…, auditor=…) over the asset."
        )
    return said
