# SPDX-License-Identifier: MIT
"""Tests written in C.

tests/unit/NAME.c runs on the host and tests/guest/NAME.c in a guest, each built
by meson as build/tests/unit/NAME or build/tests/guest/NAME.  The program prints
the names of its cases with --list; with a name it runs that case and exits with
0, 1, or 77 for "skipped", the reason on stdout.
"""

import subprocess

import pytest

from gpudmabuf_guest import GuestError

from . import BUILD, TOP
from .guests import wish_of_source

SKIPPED = 77
UNIT_TIMEOUT = 60


class CaseFailed(Exception):
    """A case of a C program failed; the text is what it printed."""


def program_of(path):
    """The program built from a source file, or None."""
    program = BUILD / path.relative_to(TOP).with_suffix("")
    return program if program.is_file() else None


def _reason(output):
    """The reason of a skip on one line, without cmocka's own lines."""
    lines = [line.strip() for line in output.splitlines()
             if line.strip() and not line.startswith("[")]
    return " ".join(lines).removeprefix("skip: ") or "no reason given"


class Program(pytest.File):
    """One C source file with test cases."""

    def collect(self):
        program = program_of(self.path)
        if not program:
            return
        listed = subprocess.run([program, "--list"], capture_output=True,
                                text=True, timeout=UNIT_TIMEOUT)
        if listed.returncode:
            raise self.CollectError(f"{program} --list fails:\n"
                                    f"{listed.stdout}{listed.stderr}")
        for case in listed.stdout.split():
            yield Case.from_parent(self, name=case, program=program)


class Case(pytest.Item):
    """One case of a C program."""

    def __init__(self, *, program, **arguments):
        super().__init__(**arguments)
        self.program = program
        place = self.path.parent.name
        self.gpudmabuf_name = f"{place}.{self.path.stem}.{self.name}"
        self.wish = None
        if place == "guest":
            self.wish = wish_of_source(self.path,
                                       self.config.getoption("kernel"))

    def runtest(self):
        command = [str(self.program), self.name]
        if self.wish:
            guest = self.config.guests.get(self.wish)
            done = guest.run(command, timeout=self.wish.timeout)
            status, output = done.rc, done.stdout + done.stderr
        else:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.STDOUT, errors="replace",
                                  timeout=UNIT_TIMEOUT)
            status, output = done.returncode, done.stdout
        if status == SKIPPED:
            pytest.skip(_reason(output))
        if status:
            raise CaseFailed(f"$ {' '.join(command)}\n{output.rstrip()}\n"
                             f"status {status}")

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, (CaseFailed, GuestError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, 0, self.gpudmabuf_name
