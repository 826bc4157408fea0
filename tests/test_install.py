# SPDX-License-Identifier: MIT
"""meson install into an empty folder."""

import os
import subprocess

import pytest

from harness import TOP

from gpudmabuf_guest import kernel

pytestmark = pytest.mark.slow


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def installed(request, tmp_path_factory):
    """Everything, modules too, below a folder."""
    build = tmp_path_factory.mktemp("build")
    root = tmp_path_factory.mktemp("root")
    found = kernel.find(request.config.getoption("kernel"))
    run("meson", "setup", build, TOP, "--prefix=/usr", "--libdir=lib",
        f"-Dkdir={found.kdir}")
    run("meson", "install", "-C", build, "--destdir", root)
    return root


def test_everything_in_its_place(installed, request):
    release = kernel.find(request.config.getoption("kernel")).release
    for name in ("usr/bin/gpudmabuf", "usr/include/gpudmabuf.h",
                 "usr/include/linux/gpudmabuf.h",
                 "usr/include/linux/gpudmabuf_bar.h",
                 "usr/lib/libgpudmabuf.so", "usr/lib/libgpudmabuf.so.0",
                 "usr/lib/pkgconfig/gpudmabuf.pc",
                 "usr/share/man/man1/gpudmabuf.1",
                 "usr/share/man/man3/gdb_read.3",
                 f"lib/modules/{release}/extra/gpudmabuf.ko",
                 f"lib/modules/{release}/extra/gpudmabuf_bar.ko"):
        assert (installed / name).exists(), name


def test_program_builds_against_it(installed, tmp_path):
    """The README's command, with the folder as the system's root."""
    env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(installed),
               PKG_CONFIG_LIBDIR=str(installed / "usr/lib/pkgconfig"),
               PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1",
               PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")
    flags = run("pkg-config", "--cflags", "--libs", "gpudmabuf", env=env)
    run("cc", TOP / "examples/hello.c", *flags.split(), "-o",
        tmp_path / "hello")
    needs = run("readelf", "-d", tmp_path / "hello")
    assert "libgpudmabuf.so.0" in needs
