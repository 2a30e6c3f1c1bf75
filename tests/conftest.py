import sys
from pathlib import Path

# Modules that several suites share lie beside this file.
sys.path.insert(0, str(Path(__file__).parent))
