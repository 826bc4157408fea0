# SPDX-License-Identifier: MIT
"""Suspend with I/O going on, as far as a guest's root file system survives it:
notifiers and the freezing of tasks (pm_test's level "freezer", five seconds)."""

import pytest

from harness import BUILD

pytestmark = pytest.mark.slow

STORM = BUILD / "tests/guest/helpers/storm"
TRACING = "/sys/kernel/tracing"


def test_unmapped_while_suspended(guest):
    """Nothing stays mapped, I/O waits, and goes on afterwards."""
    events = guest.run(f"""
        echo >{TRACING}/trace
        echo 1 >{TRACING}/events/gpudmabuf/gimp_map/enable
        echo 1 >{TRACING}/events/gpudmabuf/gimp_unmap/enable
        echo 1 >{TRACING}/events/power/suspend_resume/enable
        echo freezer >/sys/power/pm_test
        {STORM} /dev/nvme0n1 2 1 12000000 &
        sleep 2
        echo mem >/sys/power/state || exit 1
        wait $! || exit 1
        echo 0 >{TRACING}/events/enable
        echo none >/sys/power/pm_test
        cat {TRACING}/trace
        """, check=True, timeout=120).stdout
    steps = [what for line in events.splitlines()
             for what in ("gimp_map:", "gimp_unmap:", "freeze_processes")
             if what in line and not ("freeze_processes" in line
                                      and "begin" not in line)]
    asleep = steps.index("freeze_processes")
    assert steps[:asleep] == ["gimp_map:", "gimp_unmap:"], events
    # Mapped again by the I/O that waited, and unmapped when it was killed.
    assert steps[asleep + 1:] == ["gimp_map:", "gimp_unmap:"], events
