#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints { number, "NAME" }, for each GPUDMABUF_REASON_ and GDB_REASON_."""
import re
import sys

seen = set()
for path in sys.argv[1:]:
    with open(path, encoding='utf-8') as header:
        for name, number in re.findall(
                r'^\t(?:GPUDMABUF|GDB)_REASON_(\w+) = (\d+),', header.read(), re.M):
            if (name, number) not in seen:
                seen.add((name, number))
                print(f'\t{{ {number}, "{name}" }},')
