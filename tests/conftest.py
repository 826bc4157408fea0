# SPDX-License-Identifier: MIT
"""Fixtures and collection; what they rest on is in tests/harness.

    @pytest.mark.guest(nvme=2, vram=64)      # any field of Options
    def test_something(guest):
        guest.run("dd if=/dev/nvme0n1 of=/dev/null bs=1M count=1", check=True)

The keywords of the marker are those of gpudmabuf_guest.Options, and private:
shared with no other test.  Tests with equal options share a guest and are run
one after the other.  After each test the kernel log must be clean and no dma-buf
left; when the guest is stopped both drivers must unload.
"""

import pytest

from harness import TOP, cprograms
from harness.guests import Guests, wish
from harness.names import means, name_of

from gpudmabuf_guest import klog


def pytest_addoption(parser):
    add = parser.getgroup("gpudmabuf").addoption
    add("--kernel", default="debian-6.1", help="kernel of the guests")
    add("--ci", action="store_true", help="slow tests too")
    add("--soak", action="store_true", help="the soak tests, and only these")
    add("--only", action="append", default=[], metavar="NAME",
        help="a test, or a group without its soak tests")
    add("--list-names", action="store_true", help="print names, run nothing")


def pytest_configure(config):
    config.guests = Guests()


def pytest_collect_file(file_path, parent):
    folder = file_path.parent
    if file_path.suffix == ".c" and folder in (TOP / "tests/unit",
                                               TOP / "tests/guest"):
        return cprograms.Program.from_parent(parent, path=file_path)
    return None


def wish_of(item):
    """The guest that a test asks for, or None."""
    if isinstance(item, cprograms.Case):
        return item.wish
    if "guest" not in getattr(item, "fixturenames", ()):
        return None
    marker = item.get_closest_marker("guest")
    return wish(item.config.getoption("kernel"),
                **(marker.kwargs if marker else {}))


def _selected(item):
    config = item.config
    only = config.getoption("only")
    if only:
        # A soak test wants to be named in full, or its group with --soak.
        return name_of(item) in only or (
            (config.getoption("soak") or not item.get_closest_marker("soak"))
            and any(means(wanted, name_of(item)) for wanted in only))
    if config.getoption("soak"):
        return bool(item.get_closest_marker("soak"))
    if item.get_closest_marker("soak"):
        return config.getoption("list_names")
    return (not item.get_closest_marker("slow") or config.getoption("ci")
            or config.getoption("list_names"))


def _adjacent(items):
    """Tests without a guest first, then those of each guest together."""
    order = {None: -1}
    for item in items:
        wanted = wish_of(item)
        order.setdefault(wanted and wanted.options, len(order))
    return sorted(items, key=lambda item: order[
        wish_of(item) and wish_of(item).options])


def pytest_collection_modifyitems(config, items):
    chosen = _adjacent([item for item in items if _selected(item)])
    unknown = [wanted for wanted in config.getoption("only")
               if not any(means(wanted, name_of(item)) for item in chosen)]
    if unknown:
        raise pytest.UsageError("no test is called " + ", ".join(unknown))
    items[:] = chosen


def pytest_runtestloop(session):
    # --list-names: the reporter has printed them.
    return True if session.config.getoption("list_names") else None


@pytest.fixture
def guest(request):
    """A running guest with the options of the test's marker."""
    return request.config.guests.get(wish_of(request.node))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    problems = item.config.guests.after_test(nextitem and wish_of(nextitem))
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and report.when != "teardown" and wish_of(item):
        log = klog.tail(item.config.guests.log(), 40)
        report.sections.append(("kernel log since the test began", log))


def pytest_unconfigure(config):
    guests = getattr(config, "guests", None)
    if guests and guests.current:
        guests.current.close()
