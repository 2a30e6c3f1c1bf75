"""Tables made by decorated Python functions in one file, as assets of one step."""

from pathlib import Path

import dagster as dg
from pydantic import BaseModel

from ..gate.context import Gate
from ..operations.component_files import PythonTableAttributes
from ..records.declarations import PythonBuild
from .building import build_selected, build_step, step_name
from .component import RecordComponent
from .scaffolding import TableScaffolder
from .slices import in_steps
from .steps import define_assets
from .together import built_with_dbt
from .tree import gate_of


@dg.scaffold_with(TableScaffolder)
class PythonTableComponent(RecordComponent[PythonTableAttributes]):
    """Functions that take parents and return a table; each is audited before it serves."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return PythonTableAttributes

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        file = context.path / self.attributes.module
        return dg.Definitions(assets=python_assets(gate_of(context), file))


def python_assets(gate: Gate, file: Path) -> list[dg.AssetsDefinition]:
    """Returns the step that makes the tables of one file, and one for each that is in slices; those that are built with
    the dbt tables are left out.
    """
    here = file.resolve()
    python = [
        (declared, declared.build.file) for declared in gate.assets.values() if isinstance(declared.build, PythonBuild)
    ]
    same = {other for other in {other for _, other in python} if other.resolve() == here}
    declarations = [declared for declared, other in python if other in same]
    if not declarations:
        return []
    with_dbt = built_with_dbt(gate)
    whole, sliced = in_steps([declaration for declaration in declarations if declaration.key not in with_dbt])
    name = step_name(f"{here.parent.name}_{here.stem}")
    together = [define_assets(name, gate, whole, build_selected)] if whole else []
    return [*together, *(build_step(gate, declaration.key) for declaration in sliced)]
