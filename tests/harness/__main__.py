# SPDX-License-Identifier: MIT
"""python3 -m harness ARGUMENT...: pytest with the output of scripts/test."""

import signal
import sys

import pytest

from .report import Report


def _interrupted(number, _frame):
    raise KeyboardInterrupt


def main(argv):
    """Run the tests and return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    report = Report()
    status = pytest.main(["--tb=short", *argv],
                         plugins=[report])
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        status = pytest.ExitCode.OK
    return 1 if report.counts["failed"] else int(status)


sys.exit(main(sys.argv[1:]))
