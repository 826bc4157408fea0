# SPDX-License-Identifier: MIT
"""Which guest a test gets, and what is checked after it."""

import collections
import dataclasses
import re

from gpudmabuf_guest import Guest, GuestError, Options


@dataclasses.dataclass(frozen=True)
class Wish:
    """The guest that a test asks for.

    private: shared with no other test.  timeout: seconds for one C test case.
    """

    options: Options
    private: bool = False
    timeout: float = 120


def wish(kernel, private=False, timeout=120, **options):
    """Make a Wish out of a marker's arguments."""
    return Wish(Options(**{"kernel": kernel, **options}), private, timeout)


def _value(text):
    if text in ("True", "False"):
        return text == "True"
    return int(text) if re.fullmatch(r"\d+", text) else text.strip("'\"")


def wish_of_source(path, kernel):
    """The Wish in the first lines of a C file: /* guest: nvme=1 vram=64 */"""
    with open(path) as source:
        head = "".join(line for line, _ in zip(source, range(8)))
    found = re.search(r"/\* guest: (.*?) ?\*/", head)
    words = re.findall(r"(\w+)=('[^']*'|\S+)", found[1]) if found else ()
    return wish(kernel, **{key: _value(value) for key, value in words})


# A guest that does not start is tried again by another test, but not by all.
MAX_FAILURES = 2


class Guests:
    """Keeps one guest running and replaces it when another is needed."""

    def __init__(self):
        self._failures = collections.Counter()
        self.current = None
        self._wish = None
        self._used = False

    def get(self, wanted):
        """Return a running guest as wished."""
        self._used = True
        if self.current and not self._serves(wanted):
            self._discard()
        if not self.current:
            self.current, self._wish = self._start(wanted.options), wanted
        return self.current

    def _start(self, options):
        if self._failures[options] >= MAX_FAILURES:
            raise GuestError("this guest did not start for other tests")
        guest = Guest(options)
        try:
            guest.start()
        except BaseException:
            self._failures[options] += 1
            guest.close()
            raise
        return guest

    def _serves(self, wanted):
        guest = self.current
        return (guest.alive and not guest.broken
                and self._wish.options == wanted.options)

    def _discard(self):
        if self.current:
            self.current.close()
        self.current = None

    def log(self):
        """What the kernel said since the last check."""
        return self.current.log_new() if self.current else ""

    def after_test(self, following):
        """Check what a test left; stop the guest if following differs.

        Returns a list of problems.
        """
        used, self._used = self._used, False
        if not used or not self.current:
            return []
        if self.current.broken or not self.current.alive:
            # The test has failed with the reason.
            self._discard()
            return []
        if self.current.busy:
            self._discard()
            return ["a command that the test started is still running"]
        try:
            problems = self.current.check()
        except GuestError as error:
            self._discard()
            return [str(error)]
        if self._wish.private or not following or not self._serves(following):
            problems += self.stop()
        return problems

    def stop(self):
        """Stop the guest in order; return a list of problems."""
        problems = self.current.stop() if self.current else []
        self._discard()
        return problems
