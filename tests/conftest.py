import sys
from pathlib import Path

import pytest

# Modules that several suites share lie beside this file.
sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every", type=int, default=1, metavar="N", help="The long kill suite tries every Nth line only.")
