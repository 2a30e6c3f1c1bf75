"""The models of the project's dbt folder as assets of one step, with what stands between them."""

import dagster as dg
from pydantic import BaseModel

from ..gate.context import Gate
from ..operations.component_files import DbtTablesAttributes
from ..records.declarations import DbtBuild
from .building import build_selected, build_step
from .component import RecordComponent
from .scaffolding import DbtTablesScaffolder
from .slices import in_steps
from .steps import define_assets
from .together import built_with_dbt
from .tree import gate_of


@dg.scaffold_with(DbtTablesScaffolder)
class DbtTablesComponent(RecordComponent[DbtTablesAttributes]):
    """Every model, snapshot and seed of the dbt project becomes a table that is audited before it serves."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return DbtTablesAttributes

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=dbt_assets(gate_of(context)))


def dbt_assets(gate: Gate) -> list[dg.AssetsDefinition]:
    """Returns the step that builds the models and what stands between them, and one for each that is in slices; none
    where there is no model.
    """
    declarations = [declaration for declaration in gate.assets.values() if isinstance(declaration.build, DbtBuild)]
    if not declarations:
        return []
    from .dbt_specs import model_specs  # dagster-dbt imports dbt, which takes seconds: only where there is a model

    found = model_specs(gate.dbt, gate.settings.docs_address)
    _, sliced = in_steps(declarations)
    together = built_with_dbt(gate)
    whole = [declaration for key, declaration in gate.assets.items() if key in together]
    step = [define_assets("build_dbt_tables", gate, whole, build_selected, found)] if whole else []
    return [*step, *(build_step(gate, declaration.key, found) for declaration in sliced)]
