"""Asks people for a training where what is published of a monitor gives the evidence. Starts nothing."""

from contextlib import closing

import duckdb

from ..errors import OrchestratorError
from ..gate.context import Gate
from ..gate.cycle.asks import Wanted
from ..lake.history import read_receipt
from ..lake.published import PublishedCut
from ..learning.monitoring.asking import evidence_in
from ..records.asks import Ask
from ..records.declarations import AssetDeclaration, MonitorBuild
from ..records.monitors import MonitorRow
from .asks import ask


def ask_where_due(gate: Gate) -> tuple[Ask, ...]:
    """Asks what the monitors that serve give reason to ask, and was not asked before. It never fails: what went wrong
    is said.
    """
    asked: list[Ask] = []
    cut: PublishedCut | None = None
    for declaration in gate.assets.values():
        if isinstance(declaration.build, MonitorBuild):
            try:
                cut = cut or gate.cut_for_readers()
                asked += _ask_for(gate, cut, declaration)
            except (OrchestratorError, duckdb.Error) as error:
                gate.say(f"Nobody was asked to train {declaration.build.options.model}: {error}")
    return tuple(asked)


def _ask_for(gate: Gate, cut: PublishedCut, declaration: AssetDeclaration) -> tuple[Ask, ...]:
    build = declaration.build
    assert isinstance(build, MonitorBuild)
    rows = read_monitor(cut, declaration, build)
    wanted = [Wanted(build.options.model, evidence) for evidence in evidence_in(rows)]
    return ask(gate, declaration.producer, wanted, reason=f"{declaration.key} measured it")


def read_monitor(cut: PublishedCut, declaration: AssetDeclaration, build: MonitorBuild) -> tuple[MonitorRow, ...]:
    """Returns what serves of a monitor; nothing where it was made of another version of the model than serves."""
    head, model = cut.heads.get(declaration.key), cut.heads.get(build.options.model)
    if head is None or head.withdrawn or model is None or model.withdrawn:
        return ()
    with closing(cut.connect()) as connection:
        receipt = read_receipt(connection, declaration.key, head.version)
        read = {parent.asset: parent.data_version for parent in receipt.parents} if receipt else {}
        if read.get(build.options.model) != model.data_version:
            return ()
        cursor = connection.execute(f"SELECT * EXCLUDE (model_sha256) FROM lake.{declaration.key.quoted}")
        names = [column[0] for column in cursor.description or []]
        return tuple(MonitorRow.model_validate(dict(zip(names, row, strict=True))) for row in cursor.fetchall())
