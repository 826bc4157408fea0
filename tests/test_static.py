# SPDX-License-Identifier: MIT
"""Checks of the sources, without running any of them."""

import functools
import itertools
import re
import subprocess

import pytest

from harness import BUILD, TOP

from gpudmabuf_guest import kernel

pytestmark = pytest.mark.slow

# What checkpatch is told not to say, each with its reason.
CHECKPATCH_IGNORE = (
    "LINUX_VERSION_CODE",  # has a test of its own
)
# The field's layout of trace events, which is not that of code.
CHECKPATCH_IGNORE_TRACE = CHECKPATCH_IGNORE + (
    "PARENTHESIS_ALIGNMENT", "OPEN_ENDED_LINE")

KERNEL_FOLDERS = ("exporter/kmod", "importer", "kcompat", "tests/kernel",
                  "uapi/linux")


@functools.lru_cache(maxsize=None)
def sources():
    """Files of the project: tracked ones and those about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], cwd=TOP, check=True, stdout=subprocess.PIPE)
    names = sorted(set(listed.stdout.decode().split("\0")) - {""})
    return [TOP / name for name in names if (TOP / name).is_file()]


def named(path):
    return str(path.relative_to(TOP))


def run(*command, **options):
    """Run a checker; what it says is the failure."""
    done = subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    if done.returncode:
        pytest.fail(f"$ {' '.join(map(str, command))}\n{done.stdout}",
                    pytrace=False)
    return done.stdout


def fail_with(lines):
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


# Documents and lists of names have no place for it.
WITHOUT_SPDX = {".md", ".svg", ".png"}


def test_spdx():
    missing = []
    for path in sources():
        if path.suffix in WITHOUT_SPDX or path.name in (".gitignore",
                                                        "LICENSE"):
            continue
        if "LICENSES" in path.parts or path.stat().st_size == 0:
            continue
        with open(path, errors="replace") as file:
            head = "".join(itertools.islice(file, 5))
        if "SPDX-License-Identifier: " not in head:
            missing.append(f"{named(path)}: no SPDX line")
    fail_with(missing)


def test_licences():
    """Kernel modules are GPL-2.0-only, uapi has the note, the rest is MIT."""
    wrong = []
    for path in sources():
        name = named(path)
        if path.suffix not in (".c", ".h", ".py", ".sh"):
            continue
        if name.startswith("uapi/linux/"):
            wanted = "GPL-2.0 WITH Linux-syscall-note"
        elif name.startswith(KERNEL_FOLDERS):
            wanted = "GPL-2.0-only"
        else:
            wanted = "MIT"
        found = re.search(r"SPDX-License-Identifier: (.*?)( \*/)?$",
                          path.read_text(), re.M)
        if found and found[1] != wanted:
            wrong.append(f"{name}: {found[1]}, not {wanted}")
    fail_with(wrong)


def test_kernel_versions():
    """Only kcompat knows kernel versions."""
    fail_with([f"{named(path)}: {word}" for path in sources()
               if path.suffix in (".c", ".h", ".mk") or path.name == "Kbuild"
               for word in ("LINUX_VERSION_CODE", "KERNEL_VERSION(")
               if not named(path).startswith("kcompat/")
               and word in path.read_text(errors="replace")])


def shell_scripts():
    for path in sources():
        with open(path, "rb") as file:
            first = file.readline()
        if path.suffix == ".sh" or re.match(rb"#!.*\b(ba|da)?sh\b", first):
            yield path


def test_shellcheck():
    # SC3013: test -nt is not in POSIX, but in every sh that Debian has.
    run("shellcheck", "-x", "-P", "SCRIPTDIR", "--severity=warning",
        "--exclude=SC3013", *shell_scripts())


def test_python_compiles():
    for path in sources():
        if path.suffix == ".py":
            compile(path.read_text(), named(path), "exec")


def test_checkpatch():
    """Probes are left out: what they declare is declared to be compiled."""
    where = run(TOP / "scripts/kernel", "checkpatch")
    script = where.strip().removeprefix("checkpatch=")
    files = [path for path in sources() if path.suffix in (".c", ".h")
             and named(path).startswith(KERNEL_FOLDERS)
             and path.parent.name != "probe"]
    trace = [path for path in files if path.name == "trace.h"]
    code = [path for path in files if path not in trace]
    for paths, ignore in ((code, CHECKPATCH_IGNORE),
                          (trace, CHECKPATCH_IGNORE_TRACE)):
        run("perl", script, "--strict", "--no-tree", "--terse", "--quiet",
            "--no-summary", "--max-line-length=100",
            "--ignore", ",".join(ignore), "-f", *map(named, paths), cwd=TOP)


@pytest.mark.parametrize("folder",
                         ["exporter/kmod", "importer", "tests/kernel"],
                         ids=["exporter", "importer", "tests"])
def test_sparse(folder, request, tmp_path):
    found = kernel.find(request.config.getoption("kernel"))
    said = run(TOP / "kcompat/build.sh", found.kdir, tmp_path, folder, "-s",
               "C=2", "CF=-D__CHECK_ENDIAN__")
    fail_with([line for line in said.splitlines()
               if re.search(r"\b(warning|error):", line)])


def test_modules_have_no_warnings(request, tmp_path):
    found = kernel.find(request.config.getoption("kernel"))
    for folder in ("exporter/kmod", "importer", "tests/kernel"):
        said = run(TOP / "kcompat/build.sh", found.kdir, tmp_path, folder,
                   "-s", "W=1")
        # Folders of ours; W=1 has much to say about the kernel's headers.
        fail_with([line for line in said.splitlines()
                   if f"{folder}/" in line and "warning:" in line])


def test_meson_builds_the_modules(request, tmp_path):
    """meson setup, compile and install, as a user does it."""
    found = kernel.find(request.config.getoption("kernel"))
    build, destination = tmp_path / "build", tmp_path / "root"
    run("meson", "setup", build, TOP, f"-Dkdir={found.kdir}",
        "-Dkmod=enabled")
    run("meson", "compile", "-C", build)
    run("meson", "install", "-C", build, "--destdir", destination)
    there = {path.name for path in destination.rglob("*")}
    assert {"gpudmabuf.h", "gpudmabuf.pc", "gpudmabuf", "gpudmabuf.ko",
            "gpudmabuf_bar.ko", "libgpudmabuf.so.0"} <= there


def public_headers():
    """Each with the folders that its includes are looked for in."""
    return ([path for path in sorted((TOP / "uapi/linux").glob("*.h"))]
            + sorted((TOP / "libgpudmabuf/include").glob("*.h")))


HEADER = pytest.mark.parametrize(
    "header", public_headers(),
    ids=[f"{path.parent.name}_{path.name}" for path in public_headers()])

INCLUDES = ("-I", TOP / "uapi", "-I", TOP / "libgpudmabuf/include")


def compile_alone(compiler, standard, header, tmp_path, suffix):
    source = tmp_path / f"alone{suffix}"
    # Twice: it must guard itself.
    source.write_text(f'#include "{header}"\n' * 2)
    run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic",
        "-Werror", *INCLUDES, "-fsyntax-only", source)


@HEADER
def test_header_c11(header, tmp_path):
    compile_alone("gcc", "c11", header, tmp_path, ".c")


@HEADER
def test_header_cxx17(header, tmp_path):
    compile_alone("g++", "c++17", header, tmp_path, ".cc")


STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\};", re.M | re.S)
MEMBER = re.compile(r"^\t__\w+\s+(\w+)(?:\[.*\])?;", re.M)


def layout_source(header):
    """A C file whose data are the sizes and offsets of a header's structs.

    The last member's end is compared with the size as well: no tail padding,
    and each member with the end of the one before: no holes.
    """
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    lines = ["#include <stddef.h>", f"#include <linux/{header.name}>"]
    names = []
    for struct, body in STRUCT.findall(text):
        members = MEMBER.findall(body)
        size = f"sizeof(struct {struct})"
        names.append((f"{struct}", size))
        end = "0"
        for member in members:
            offset = f"offsetof(struct {struct}, {member})"
            names.append((f"{struct}.{member}", offset))
            lines.append(f"_Static_assert({offset} == {end}, "
                         f'"hole before {struct}.{member}");')
            end = f"{offset} + sizeof(((struct {struct} *)0)->{member})"
        lines.append(f'_Static_assert({size} == {end}, "tail of {struct}");')
    values = ", ".join(value for _, value in names)
    lines.append(f"const unsigned int layout[] = {{ {values} }};")
    lines.append("const unsigned int numbers[] = { " + ", ".join(
        re.findall(r"^#define (GPUDMABUF\w*)\s+_IO", text, re.M)) + " };")
    return names, "\n".join(lines) + "\n"


@pytest.mark.parametrize("header", sorted((TOP / "uapi/linux").glob("*.h")),
                         ids=lambda path: path.stem)
def test_uapi_layout(header, tmp_path):
    """No holes, and -m32 gives the sizes, offsets and numbers of -m64."""
    names, text = layout_source(header)
    assert names, "no struct was found in the header"
    source = tmp_path / "layout.c"
    source.write_text(text)
    sections = []
    for width in ("-m64", "-m32"):
        output = tmp_path / f"layout{width}.o"
        run("gcc", width, "-std=gnu11", "-Wall", "-Werror",
            "-fdata-sections", *INCLUDES, "-c", source, "-o", output)
        sections.append([
            run("readelf", "-x", f".rodata.{name}", output).split("\n", 2)[2]
            for name in ("layout", "numbers")])
    assert sections[0] == sections[1]


def test_exports():
    """The library exports what its version script lists, all of it and no more.
    """
    script = (TOP / "libgpudmabuf/libgpudmabuf.map").read_text()
    listed = set(re.findall(r"^\s*(gdb_\w+);", script, re.M))
    library = BUILD / "libgpudmabuf/libgpudmabuf.so.0"
    said = run("nm", "-D", "--defined-only", library)
    exported = {line.split()[2].split("@")[0] for line in said.splitlines()
                if line.split()[1] in "TDBR"}
    assert exported == listed


def test_exports_are_declared():
    """What the library exports is in the public header, and the reverse."""
    header = (TOP / "libgpudmabuf/include/gpudmabuf.h").read_text()
    text = re.sub(r"/\*.*?\*/|^typedef [^;]*;", "", header,
                  flags=re.S | re.M)
    declared = set(re.findall(r"\b(gdb_\w+)\(", text))
    script = (TOP / "libgpudmabuf/libgpudmabuf.map").read_text()
    assert declared == set(re.findall(r"^\s*(gdb_\w+);", script, re.M))
