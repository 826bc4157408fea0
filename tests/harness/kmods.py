# SPDX-License-Identifier: MIT
"""Kernel modules of tests/kernel, built for the kernel of a guest."""

import contextlib
import functools

from gpudmabuf_guest import kernel


@functools.lru_cache(maxsize=None)
def _built(name):
    """Modules for the kernel called name; once a run."""
    return kernel.build_modules(kernel.find(name), ("tests/kernel",))


@contextlib.contextmanager
def loaded(guest, name, *arguments):
    """The module called name is loaded while a with block runs."""
    path = next(path for path in _built(guest.options.kernel)
                if path.stem == name)
    guest.run(["insmod", path, *arguments], check=True)
    try:
        yield
    finally:
        if guest.alive and not guest.broken:
            guest.run(["rmmod", name], check=True)
