"""`python -m orchestrator_platform.cli` is `orchestrator`."""

from . import main

main()
