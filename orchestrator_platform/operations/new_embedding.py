"""Writes a new embedding, with golden queries to begin with: the use case behind `orchestrator new embedding`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import Misuse, UnknownAsset
from ..records.contracts import Column
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..settings import Settings
from .new_columns import contract_text, own_columns, quoted_sql
from .new_files import NewFiles, class_name, identifier, new_asset, refuse_existing

_TITLES = ("title", "name", "subject", "headline")
_NOTES = (
    (1, "Printer is silent", "The office printer takes every job and prints nothing."),
    (2, "Stolen badge", "Somebody walked into the building with a badge that was reported as lost."),
    (3, "Slow site", "Pages of the shop take half a minute to load in the evening."),
)
_EXAMPLE = (
    Column(name="note_id", type="BIGINT", nullable=False),
    Column(name="title", type="VARCHAR", nullable=False),
    Column(name="body", type="VARCHAR", nullable=False),
)


def propose_new_embedding(
    settings: Settings,
    name: str,
    source: str | None = None,
    text: Sequence[str] = (),
    folder: Path | None = None,
) -> NewFiles:
    """Returns what would be written.

    Args:
        source: The table whose texts are embedded; without one a small table of notes comes along.
        text: The columns that make up the text; by default all that hold text, and are neither key nor personal.
        folder: Where the component goes, by default a folder of its name.

    Raises:
        Misuse: The name cannot be an embedding's, something of that name is there, or the table has no key or no text.
    """
    asset, declared = new_asset(settings, name, "embeddings", "embedding")
    folder = folder or settings.project.defs / f"{asset.name}_embedding"
    if source is None:
        notes = AssetKey(f"marts.{asset.name}")
        new = NewFiles("embedding", asset.name, asset, _with_notes(asset, notes, folder), steps=_steps(asset))
    else:
        table = _source(source, declared)
        files, unsure = _of_table(asset, table, text, folder)
        new = NewFiles("embedding", asset.name, asset, files, unsure, _steps(asset))
    refuse_existing(tuple(new.files), "embedding")
    return new


def _steps(asset: AssetKey) -> tuple[str, ...]:
    return (
        "Edit golden.sql: questions as people ask them, with the rows that answer them.",
        f"`orchestrator build` embeds the texts; `orchestrator receipt {asset}` shows how well questions are answered.",
        f'`orchestrator search "WORDS" --asset {asset}`',
    )


def _source(name: str, declared: Mapping[AssetKey, AssetDeclaration]) -> AssetDeclaration:
    found = next((declaration for key, declaration in declared.items() if key == name), None)
    if found is None:
        raise UnknownAsset(name=name, known=list(declared))
    grain = found.contract.grain
    if not grain or any(column.startswith("_") for column in grain):
        raise Misuse(
            f"{name} promises no key of its own, so that a text could not be told from another. Nothing was written."
            f" Give it a `grain` in its contract, {found.contract.origin or found.origin}, or embed a table made of it."
        )
    return found


def _of_table(
    asset: AssetKey, table: AssetDeclaration, asked: Sequence[str], folder: Path
) -> tuple[dict[Path, str], tuple[str, ...]]:
    key = table.contract.grain or ()
    texts = [
        column.name
        for column in own_columns(table.contract)
        if column.type == "VARCHAR" and not column.pii and column.name not in key
    ]
    unknown = [name for name in asked if table.contract.column(name) is None]
    if unknown or not (asked or texts):
        known = ", ".join(column.name for column in own_columns(table.contract))
        what = f"no column {unknown[0]!r}" if unknown else "no column of text besides its key and what is personal"
        raise Misuse(f"{table.key} has {what}. Nothing was written. Its columns are: {known}.")
    chosen = list(asked) or texts
    title = next((name for name in chosen if name.lower() in _TITLES), chosen[0])
    unsure = [] if asked else [f"the text: {', '.join(chosen)} were taken, all columns that hold text"]
    unsure.append("golden queries: each row is asked for by its own title, which is easier than what people ask")
    files = {
        folder / "defs.yaml": _component(asset, table.key, key, chosen, title),
        folder / "golden.sql": _golden(table.key, key, title),
    }
    return files, tuple(unsure)


def _component(
    asset: AssetKey, source: AssetKey, key: Sequence[str], text: Sequence[str], title: str, more: str = ""
) -> str:
    show = [name for name in text if name != title]
    return f"""{more}type: orchestrator_platform.components.EmbeddingComponent
attributes:
  asset: {asset}
  description: The texts of {source} as vectors, for searching them by meaning.
  source: {source}
  key: [{", ".join(key)}] # the grain of the source
  text: [{", ".join(text)}] # joined by a line break; or a template: "{{{text[0]}}}"
  title: {title} # what a search result is called by
  show: [{", ".join(show)}] # what else it shows
  golden:
    file: golden.sql # questions whose answers are known
    min_recall: 0.5 # the share of them that must be answered among the first ten; raise it to what you measure
  # chunk: {{tokens: 200, overlap: 20}} # long texts become several vectors, instead of being cut off
  # embedder: {{kind: http, url: https://…, model: …, dim: …, key_variable: …}} # instead of the one that comes along
  # projections: [{{kind: local}}] # what answers searches; {{kind: weaviate, url: …}} is a server
"""


def _golden(source: AssetKey, key: Sequence[str], title: str) -> str:
    columns = ", ".join(quoted_sql(name) for name in key)
    return f"""\
-- Questions whose answers are known: `query`, and the key of the row that answers it. The auditor asks them before
-- vectors serve, and refuses vectors that answer worse than those before. Better than titles is what people ask:
--   SELECT * FROM (VALUES ('hardware that stopped working', 1)) AS asked(query, {key[0]})
SELECT {quoted_sql(title)} AS query, {columns}
FROM {source}
WHERE {quoted_sql(title)} <> ''
ORDER BY hash({columns})
LIMIT 50
"""


def _with_notes(asset: AssetKey, notes: AssetKey, folder: Path) -> dict[Path, str]:
    table = """\
# Two components in one file: a table of notes to begin with, and the embedding of its texts. Take your own table as the
# `source`, and the first of them away.
type: orchestrator_platform.components.PythonTableComponent
attributes:
  module: tables.py
---
"""
    rows = "".join(f'    ({number}, "{title}", "{body}"),\n' for number, title, body in _NOTES)
    module = f'''"""A few notes, to have texts to search."""

import pandas as pd

from orchestrator_platform import python_table

NOTES = [
{rows}]


@python_table(key="{notes}", parents={{}}, contract="contract.py:{class_name(notes)}")
def {identifier(notes.name)}() -> pd.DataFrame:
    """Notes to search."""
    return pd.DataFrame(NOTES, columns=["note_id", "title", "body"])
'''
    about = f"What every row of {notes} promises."
    return {
        folder / "defs.yaml": _component(asset, notes, ["note_id"], ["title", "body"], "title", table),
        folder / "tables.py": module,
        folder / "contract.py": contract_text(class_name(notes), about, _EXAMPLE, '{"grain": ["note_id"]}'),
        folder / "golden.sql": _golden(notes, ["note_id"], "title"),
    }
