"""The two files of a proposed source as text, with comments that say what can be changed."""

import json
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .propose_source import ProposedColumn, SourceProposal

_ANNOTATIONS = {
    "VARCHAR": "str",
    "BIGINT": "int",
    "DOUBLE": "float",
    "BOOLEAN": "bool",
    "DATE": "pa.Date",
    "TIMESTAMP": "pa.DateTime",
    "TIMESTAMP WITH TIME ZONE": 'Annotated[pd.DatetimeTZDtype, "us", "UTC"]',
}
_NULLABLE = {"BIGINT": "pd.Int64Dtype", "BOOLEAN": "pd.BooleanDtype"}


def component_text(proposal: "SourceProposal") -> str:
    """Returns the component in YAML. JSON scalars and lists are YAML, and need no quoting of their own."""
    lines = [
        "# Proposed from sample files: read every line. The contract is beside this file, in contract.py.",
        "type: orchestrator_platform.components.SourceComponent",
        "attributes:",
        f"  name: {proposal.name} # the folder under landing/",
        f"  asset: {proposal.asset} # the raw table that it fills",
        f"  contract: contract.py:{proposal.class_name}",
        f"  pattern: {json.dumps(list(proposal.pattern))} # globs below landing/{proposal.name}; ** is any folders",
        "  order: name # or: modified. Files land in this order, and later rows win",
        "  files_are: changes # or: snapshot, if a key that a file lacks was deleted",
    ]
    if proposal.declares_format:
        lines.append(f"  format: {proposal.format} # the files' names do not tell it")
    if proposal.format == "csv":
        lines += _csv_lines(proposal)
    lines += _column_lines(proposal)
    lines += [
        "  bad_rows: quarantine # or: reject_file, to take all rows of a file or none",
        "  max_bad_share: 0.05 # a file with a larger share of bad rows is refused whole",
        "  on_drift: reject # or: keep_aside, to land files with unknown columns and keep those as JSON in _extra",
        "  limits: # for one file",
        "    size_bytes: 4294967296 # uncompressed",
        "    n_rows: 20000000",
        "    timeout_seconds: 300",
        "    memory_mb: 2048",
    ]
    return "\n".join(lines) + "\n"


def _csv_lines(proposal: "SourceProposal") -> list[str]:
    return [
        "  csv:",
        f"    delimiter: {json.dumps(proposal.delimiter)}",
        f"    quote: {json.dumps(chr(34))}",
        f"    encoding: {proposal.encoding}",
        '    null_values: [""] # what stands for no value, quoted or not',
    ]


def _column_lines(proposal: "SourceProposal") -> list[str]:
    lines = []
    if proposal.record_column:
        lines.append(f"  record_column: {proposal.record_column} # keeps the whole record as JSON text")
    paths = [(column.name, column.path) for column in proposal.columns if column.path]
    if paths:
        lines.append("  columns: # contract column -> where its value is; the others are top-level keys")
        lines += [f"    {name}: {json.dumps(path, ensure_ascii=not path.isprintable())}" for name, path in paths]
    return lines


def contract_text(proposal: "SourceProposal") -> str:
    """Returns the contract, a pandera model."""
    fields = [line for column in proposal.columns for line in _field_lines(column)]
    if proposal.record_column:
        fields.append(f'    {proposal.record_column}: str = pa.Field(description="The whole record as JSON text.")')
    unsure = [line for item in proposal.unsure for line in _comment(item)]
    return "\n".join(
        [
            f'"""What every row of {proposal.asset} promises. Proposed from sample files: read and edit it."""',
            "",
            *_imports(proposal),
            "",
            "# Not sure of:",
            *unsure,
            "",
            "",
            f"class {proposal.class_name}(pa.DataFrameModel):",
            "    # More rules: ge=, le=, isin=[...], str_matches=r\"...\", str_length={...}, unique=True.",
            '    # Personal data: metadata={"pii": True}, and findings mask it.',
            *fields,
            "",
            "    class Config:",
            "        strict = True  # no column that is not named here",
            *_grain_lines(proposal),
        ]
    ) + "\n"  # fmt: skip


def _imports(proposal: "SourceProposal") -> list[str]:
    annotations = " ".join(_annotation(column) for column in proposal.columns)
    lines = ["from typing import Annotated", ""] if "Annotated" in annotations else []
    lines += ["import pandas as pd"] if "pd." in annotations else []
    return [*lines, "import pandera.pandas as pa"]


def _annotation(column: "ProposedColumn") -> str:
    if column.nullable and column.type in _NULLABLE:
        return _NULLABLE[column.type]
    return _ANNOTATIONS[column.type]


def _field_lines(column: "ProposedColumn") -> list[str]:
    options = "nullable=True" if column.nullable else ""
    return [f"    {column.name}: {_annotation(column)} = pa.Field({options})"]


def _comment(text: str) -> list[str]:
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return textwrap.wrap(printable, 112, initial_indent="# - ", subsequent_indent="#   ")


def _grain_lines(proposal: "SourceProposal") -> list[str]:
    lines = []
    if proposal.grain:
        listed = json.dumps(list(proposal.grain))
        lines.append(f'        # If no landed record ever repeats it, promise the key: {{"grain": {listed}}}')
    return [*lines, '        metadata = {"grain": "none"}  # noqa: RUF012']
