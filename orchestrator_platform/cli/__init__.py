"""The command line: a thin face over the operations. It parses, prints and says the exit code; it decides nothing."""


def main() -> None:
    """Runs `orchestrator` with the arguments of this process and exits."""
    import os
    import sys

    from .edge import run

    # DuckDB goes on with an interrupted query in its own threads, and a usual exit would wait for them.
    sys.exit(run(sys.argv[1:], end_at_once=os._exit))
