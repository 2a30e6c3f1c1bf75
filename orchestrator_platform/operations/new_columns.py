"""The columns of a declared table as a contract of another one would list them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..records.contracts import Column, Contract
from ..records.declarations import AssetDeclaration

_PLAIN = {
    "VARCHAR": "str",
    "BIGINT": "int",
    "DOUBLE": "float",
    "BOOLEAN": "bool",
    "DATE": "pa.Date",
    "TIMESTAMP": "pa.DateTime",
    "TIMESTAMP WITH TIME ZONE": 'Annotated[pd.DatetimeTZDtype, "us", "UTC"]',
    "INTEGER": "pd.Int32Dtype",
    "SMALLINT": "pd.Int16Dtype",
    "TINYINT": "pd.Int8Dtype",
    "FLOAT": "pd.Float32Dtype",
}
_NULLABLE = {"BIGINT": "pd.Int64Dtype", "BOOLEAN": "pd.BooleanDtype"}
EXAMPLE = (
    Column(name="id", type="BIGINT", nullable=False),
    Column(name="name", type="VARCHAR", nullable=False),
)
NUMBERS = frozenset({"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT"})
TIMES = frozenset({"TIMESTAMP", "DATE", "TIMESTAMP WITH TIME ZONE"})


@dataclass(frozen=True)
class Kept:
    """The columns that a contract can say, and the names of those it cannot."""

    columns: tuple[Column, ...]
    left_out: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def own_columns(contract: Contract) -> tuple[Column, ...]:
    """Returns the columns without those that the platform gives to every raw table."""
    return tuple(column for column in contract.columns if not column.name.startswith("_"))


def kept_columns(contract: Contract) -> Kept:
    """Returns the table's own columns, by whether a contract in Python can say them."""
    own = own_columns(contract)
    said = tuple(column for column in own if column.type in _PLAIN and column.name.isidentifier())
    return Kept(said, tuple(column.name for column in own if column not in said))


def contract_text(asset_class: str, about: str, columns: Sequence[Column], metadata: str) -> str:
    """Returns a contract, a pandera model."""
    annotations = [_annotation(column) for column in columns]
    imports = ["from typing import Annotated", ""] if any("Annotated" in each for each in annotations) else []
    imports += ["import pandas as pd"] if any("pd." in each for each in annotations) else []
    fields = [
        f"    {column.name}: {annotation}{_options(column)}"
        for column, annotation in zip(columns, annotations, strict=True)
    ]
    lines = [
        f'"""{about}"""',
        "",
        *imports,
        "import pandera.pandas as pa",
        "",
        "",
        f"class {asset_class}(pa.DataFrameModel):",
        '    # Rules: pa.Field(ge=, le=, isin=[...], str_matches=r"...", unique=True). A column may be null only with',
        '    # nullable=True. Personal data: metadata={"pii": True}, and findings mask it.',
        *fields,
        "",
        "    class Config:",
        "        strict = True  # no column that is not named here",
        '        # `grain` is the key, or "none". `rows` says how it relates to a parent\'s: same_as, subset_of or',
        '        # at_most_one_per, for example "rows": {"subset_of": "raw.orders"}.',
        f"        metadata = {metadata}  # noqa: RUF012",
    ]
    return "\n".join(lines) + "\n"


def _annotation(column: Column) -> str:
    return (_NULLABLE.get(column.type) if column.nullable else None) or _PLAIN[column.type]


def _options(column: Column) -> str:
    options = [*(["nullable=True"] if column.nullable else []), *(['metadata={"pii": True}'] if column.pii else [])]
    return f" = pa.Field({', '.join(options)})" if options else ""


def grain_among(parent: AssetDeclaration | None, names: Sequence[str]) -> tuple[str, ...] | None:
    """Returns the key of a table that keeps these columns of its parent; without a parent that of the example."""
    grain = parent.contract.grain if parent is not None else ("id",)
    return tuple(grain) if grain and set(grain) <= set(names) else None


def quoted_sql(name: str) -> str:
    """Returns the name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def quoted_python(text: str) -> str:
    """Returns the text as Python takes it, in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
