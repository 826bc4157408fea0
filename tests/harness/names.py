# SPDX-License-Identifier: MIT
"""What a test is called, and which tests a name means."""


def name_of(item):
    """The name that scripts/test --list prints, e.g. io.random_read."""
    known = getattr(item, "gpudmabuf_name", None)
    if known:
        return known
    file = item.path.stem.removeprefix("test_")
    return f"{file}.{item.name.removeprefix('test_')}"


def means(wanted, name):
    """Whether the argument wanted names this test or a group it is in."""
    return name == wanted or name.startswith((f"{wanted}.", f"{wanted}["))
