"""The slices of a table as Dagster's partitions: which there are, how many a run takes, which a run is for."""

from collections.abc import Sequence

import dagster as dg

from ..records.declarations import AssetDeclaration
from ..records.slices import Unit


def partitions_of(declaration: AssetDeclaration) -> dg.PartitionsDefinition | None:
    """Returns the partitions of a table in slices, today's among them, under the slices' own names."""
    partition = declaration.partition
    if partition is None:
        return None
    if partition.unit is Unit.VALUE or partition.start is None:
        return dg.StaticPartitionsDefinition(list(partition.values))
    made = dg.DailyPartitionsDefinition if partition.unit is Unit.DAY else dg.MonthlyPartitionsDefinition
    return made(start_date=partition.start.isoformat(), end_offset=1)


def backfills_of(declarations: Sequence[AssetDeclaration]) -> dg.BackfillPolicy | None:
    """Returns the policy by which a backfill becomes runs of at most as many slices as one candidate replaces."""
    found = [declaration.partition for declaration in declarations if declaration.partition is not None]
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=found[0].per_run) if found else None


def slices_of_run(context: dg.AssetExecutionContext) -> tuple[str, ...]:
    """Returns the partitions that the run was launched for."""
    if context.has_partition_key or context.has_partition_key_range:
        return tuple(context.partition_keys)
    return ()


def in_steps(declarations: Sequence[AssetDeclaration]) -> tuple[list[AssetDeclaration], list[AssetDeclaration]]:
    """Returns those that one step can make together, and those in slices, of which each is a step of its own."""
    whole = [declaration for declaration in declarations if declaration.partition is None]
    return whole, [declaration for declaration in declarations if declaration.partition is not None]
