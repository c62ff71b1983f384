"""Damaged and hostile inputs for every parser: only the product's own errors may come out (docs/fuzzing.md)."""

import sys
from pathlib import Path

_UNIT = Path(__file__).parents[1] / "unit" / "appliance"
if str(_UNIT) not in sys.path:  # as pytest has it: the scripted guests there name each other
    sys.path.append(str(_UNIT))
