# SPDX-License-Identifier: MIT
"""What in a kernel log means failure."""

import re

BAD = re.compile("|".join((
    r"\bWARNING: ",
    r"\bBUG: ",
    # SLUB's reports: "BUG kmalloc-64 (Tainted: G    B     ): Redzone ..."
    r"\bBUG \S+ \(",
    r"\bkmem_cache_destroy .*still has objects\b",
    r"\bkernel BUG at ",
    r"\bOops\b",
    r"\bKernel panic\b",
    r"\bgeneral protection fault\b",
    r"\bUnable to handle\b",
    r"\bINFO: task .* blocked\b",
    r"\bINFO: trying to register non-static key\b",
    r"\bpossible (circular|recursive|irq lock)",
    r"\bDEBUG_LOCKS_WARN_ON\b",
    r"\bstill has locks held\b",
    r"\b(KASAN|KFENCE|UBSAN|KCSAN|ODEBUG|DMA-API): ",
    # Also when it gives up: then it finds nothing any more.
    r"\bkmemleak: .*\b(suspected memory leaks?|disabled|empty|Cannot)\b",
    r"\bDMAR: .*[Ff]ault\b",
    r"\bINFO: rcu_\w+ .*\b(stall|stalls)\b",
    r"\brcu: INFO: .*\b(detected|stall|stalls)\b",
    r"\brefcount_t: ",
    r"\blist_(add|del) (corruption|double)\b",
    r"\bcannot create duplicate filename\b",
    r"\birq \d+: nobody cared\b",
    r"\bBad page (state|map)\b",
)))

# Said by healthy kernels.
HARMLESS = re.compile("|".join((
    r"DMA-API: preallocated ",
    r"DMA-API: debugging enabled",
    r"DMA-API: dma_debug_entry pool grown ",
    r"ODEBUG: selftest passed$",
)))

BEFORE, AFTER = 2, 40


def problem(text):
    """Return an excerpt around the first bad line of a log, or None."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if BAD.search(line) and not HARMLESS.search(line):
            first = max(0, number - BEFORE)
            return "\n".join(lines[first:number + AFTER])
    return None


def tail(text, count=15):
    """Return the last lines of a log."""
    return "\n".join(text.splitlines()[-count:])
