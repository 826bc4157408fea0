# SPDX-License-Identifier: MIT
"""What pytest needs to know about this project.

    names.py      what a test is called
    guests.py     which guest a test gets, and what is checked after it
    cprograms.py  tests written in C
    report.py     the output of scripts/test
"""

import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build"

sys.path.insert(0, str(TOP / "scripts"))
