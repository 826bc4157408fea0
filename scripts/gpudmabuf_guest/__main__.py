# SPDX-License-Identifier: MIT
"""python3 -m gpudmabuf_guest"""

import sys

from .cli import main

sys.exit(main(sys.argv[1:]))
