"""How an asset is read, as texts to copy from its page: at a prompt, in Python, by any DuckDB."""

import dagster as dg

from ..records.declarations import AssetDeclaration, EmbeddingBuild, ModelBuild


def read_it(declaration: AssetDeclaration) -> dg.MarkdownMetadataValue:
    """Returns what a person copies to read what serves."""
    asset = declaration.key
    shell = [f'orchestrator query "SELECT * FROM {asset} LIMIT 10"', f"orchestrator history {asset}"]
    python = [f'platform.read("{asset}").df()  # or .arrow(), .pl(); version=3 for an earlier one']
    match declaration.build:
        case EmbeddingBuild():
            shell.insert(0, f'orchestrator search "what you look for" --asset {asset}')
            python.insert(0, f'platform.search("what you look for", asset="{asset}").hits')
        case ModelBuild():
            shell.insert(0, f"orchestrator serve {asset} --port 8080")
        case _:
            shell.append(f"orchestrator diff {asset}")
    return dg.MetadataValue.md(
        "\n".join(
            [
                "```sh",
                *shell,
                "```",
                "",
                "```python",
                "from orchestrator_platform import Platform",
                "",
                "platform = Platform.open()",
                *python,
                "```",
            ]
        )
    )
