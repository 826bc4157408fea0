# SPDX-License-Identifier: MIT
"""The output of scripts/test: in place of pytest's own.

One line a test with its time; what failed with its output; the time of each
group; the totals on the last line.
"""

import collections

import pytest

from .names import name_of

WORDS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


class Report:
    """Counts a test once, whatever number of its phases fail."""

    def __init__(self):
        self.counts = collections.Counter()
        self.groups = collections.Counter()
        self._reports = {}
        self._names = {}

    def _print(self, *words):
        print(*words, flush=True)

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_collectreport(self, report):
        if report.failed:
            self.counts["failed"] += 1
            self._print(f"FAILED collecting {report.nodeid}\n"
                        f"{_indent(report.longreprtext)}")

    def pytest_collection_finish(self, session):
        self._names = {item.nodeid: name_of(item) for item in session.items}
        if session.config.getoption("list_names"):
            for name in sorted(self._names.values()):
                self._print(name)

    def pytest_runtest_logreport(self, report):
        reports = self._reports.setdefault(report.nodeid, [])
        reports.append(report)
        if report.when == "teardown":
            del self._reports[report.nodeid]
            self._finish(self._names[report.nodeid], reports)

    def _finish(self, name, reports):
        outcomes = {report.outcome for report in reports}
        outcome = next(word for word in ("failed", "skipped", "passed")
                       if word in outcomes)
        seconds = sum(report.duration for report in reports)
        self.counts[outcome] += 1
        self.groups[name.split(".")[0]] += seconds
        reason = f": {_skip_reason(reports)}" if outcome == "skipped" else ""
        self._print(f"{WORDS[outcome]:8}{seconds:6.1f} s  {name}{reason}")
        for report in reports:
            if report.failed:
                self._print(_indent(_details(report)))

    def pytest_internalerror(self, excrepr):
        self.counts["failed"] += 1
        self._print(f"FAILED in the test harness\n{_indent(str(excrepr))}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session, exitstatus):
        if exitstatus in (pytest.ExitCode.USAGE_ERROR,
                          pytest.ExitCode.INTERRUPTED):
            self._broken_off(exitstatus)
        if session.config.getoption("list_names") and not exitstatus:
            return
        if session.config.getoption("ci"):
            self._print("\ntime of each group:")
            for group, seconds in sorted(self.groups.items()):
                self._print(f"{seconds:8.1f} s  {group}")
        self._print()
        self._print(self.totals())

    def _broken_off(self, exitstatus):
        """What was not run has not passed."""
        if not self.counts["failed"]:
            self.counts["failed"] = 1
        if exitstatus == pytest.ExitCode.INTERRUPTED:
            self._print("interrupted")

    def totals(self):
        """The last line."""
        counts = self.counts
        line = f"{counts['passed']} passed, {counts['failed']} failed"
        if counts["skipped"]:
            line += f", {counts['skipped']} skipped"
        return line


def _indent(text):
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())


def _details(report):
    parts = [report.longreprtext]
    parts += [f"--- {title}\n{text.rstrip()}"
              for title, text in report.sections if text.strip()]
    return "\n".join(parts)


def _skip_reason(reports):
    for report in reports:
        if report.skipped:
            # (file, line, "Skipped: reason")
            return report.longrepr[2].removeprefix("Skipped: ")
    return ""
