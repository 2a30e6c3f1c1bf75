"""The command line: a thin face over the operations. It parses, prints and says the exit code; it decides nothing."""


def main() -> None:
    """Runs `orchestrator` with the arguments of this process and exits."""
    import sys

    from .edge import run

    sys.exit(run(sys.argv[1:]))
