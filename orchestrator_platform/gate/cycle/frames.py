"""Brings what a function of somebody else returned through the gate: closed, judged and published like any table."""

from ...authority.acts import Act
from ...authority.permissions import require, require_start
from ..build import Frame
from ..context import Gate
from ..outcomes import Outcome
from ..workbench import open_workbench
from .order import Order
from .table_pass import TablePass
from .tables import known_inputs


def publish_frame(gate: Gate, order: Order, frame: Frame) -> Outcome:
    """Returns what became of the frame. The same content as what serves is not published, one that was rejected under
    the same code and contract is not judged again.

    Raises:
        BaseMoved: Another publication of the table came first; order again.
        NotPermitted: An agent may not do its part.
    """
    (asset,) = order.goal
    declaration = gate.assets[asset]
    cut = gate.cut()
    require_start(gate.principals[declaration.producer], order.started)
    for act in (Act.BUILD, Act.PUBLISH):
        require(gate.principals[declaration.producer], act, asset, gate.seats)
    with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
        passing = TablePass(gate, order, cut, workbench, frames={asset: frame})
        return passing.run([declaration], known_inputs(gate, cut))[asset]
