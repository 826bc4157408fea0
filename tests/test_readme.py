# SPDX-License-Identifier: MIT
"""What the README says."""

import re
import subprocess

import pytest

from harness import BUILD, TOP


def program():
    """The C program in the README."""
    text = (TOP / "README.md").read_text()
    blocks = re.findall(r"```c\n(.*?)```", text, re.S)
    assert len(blocks) == 1
    return blocks[0]


def test_program_is_the_example():
    example = (TOP / "examples/hello.c").read_text()
    assert example.split("\n", 1)[1] == program()


@pytest.fixture
def hello(tmp_path):
    """The README's program, compiled as it stands."""
    (tmp_path / "hello.c").write_text(program())
    library = BUILD / "libgpudmabuf"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "hello.c",
                    f"-I{TOP}/libgpudmabuf/include", f"-L{library}",
                    "-lgpudmabuf", f"-Wl,-rpath,{library}", "-o", "hello"],
                   cwd=tmp_path, check=True)
    return tmp_path / "hello"


def test_program_runs(guest, hello):
    (guest.work / "hello").write_bytes(hello.read_bytes())
    result = guest.run("chmod +x $WORK/hello && $WORK/hello", check=True)
    assert "Direct to device memory" in result.stdout


def test_program_explains(guest, hello):
    """Without a BAR device it says so, and what to do."""
    (guest.work / "hello").write_bytes(hello.read_bytes())
    result = guest.run("""
        chmod +x $WORK/hello
        device=$(basename /sys/bus/pci/drivers/gpudmabuf_bar/0000:*)
        echo $device >/sys/bus/pci/drivers/gpudmabuf_bar/unbind
        $WORK/hello; status=$?
        echo $device >/sys/bus/pci/drivers/gpudmabuf_bar/bind
        exit $status""")
    assert result.rc == 1
    text, remedy = result.stderr.strip().split("\n")
    assert "gpudmabuf_bar" in text + remedy
