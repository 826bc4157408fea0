# SPDX-License-Identifier: MIT
"""Breaks the code in a copy of the tree and wants the named test to fail.

A test that passes over broken code proves nothing.  Each row: a name, the file,
a piece of it, what it is replaced with, and the test that must notice.
"""

import shutil
import subprocess

import pytest

from harness import TOP

MUTANTS = [
    ("prp_list_begins_one_early", "importer/submit.c",
     "memcpy(cmd->prp, addr + 1,", "memcpy(cmd->prp, addr,",
     "guest.prp.read_page0_byte0"),
    ("prp_second_page_is_the_first", "importer/submit.c",
     "c->rw.dptr.prp2 = addr[1];", "c->rw.dptr.prp2 = addr[0];",
     "guest.prp.read_page0_byte0"),
    ("prp_list_of_513_entries", "importer/file.c",
     "GIMP_PRP_ENTRIES * GIMP_PAGE_SIZE",
     "(GIMP_PRP_ENTRIES + 1) * GIMP_PAGE_SIZE",
     "guest.prp.read_page0_byte3584"),
    ("prp_offset_in_page_lost", "importer/submit.c",
     "le64_to_cpu(addr[0]) + in_page", "le64_to_cpu(addr[0])",
     "guest.prp.read_page0_byte512"),
    ("block_address_of_32_bits", "importer/submit.c",
     "cpu_to_le64(sector >> (shift - SECTOR_SHIFT))",
     "cpu_to_le64((u32)(sector >> (shift - SECTOR_SHIFT)))",
     "sizes.block_address_above_32_bits"),
    ("partition_start_lost", "importer/submit.c",
     """	u32 shift = ilog2(disk->block_size);
	u64 sector = req->file->bdev->bd_start_sect +
		     ((req->pos + cmd->off) >> SECTOR_SHIFT);""",
     """	u32 shift = ilog2(disk->block_size);
	u64 sector = (req->pos + cmd->off) >> SECTOR_SHIFT;""",
     "sizes.partition_offset"),
    ("end_of_target_not_looked_at", "importer/io.c",
     "*len = min(*len, size - pos);", "",
     "guest.abi.end_of_the_target"),
    ("write_behind_the_end", "importer/io.c",
     "		if (write)\n			return gimp_refuse(why, -ENOSPC,",
     "		if (0)\n			return gimp_refuse(why, -ENOSPC,",
     "guest.abi.end_of_the_target"),
    ("buffer_range_not_checked", "importer/io.c",
     "arg->buf_off > size || arg->len > size - arg->buf_off",
     "arg->buf_off + arg->len > size",
     "guest.abi.outside_the_buffer"),
    ("offset_overflow_not_checked", "importer/io.c",
     "arg->file_off > LLONG_MAX - arg->len", "0",
     "guest.abi.overflowing_offsets"),
    ("file_alignment_not_checked", "importer/io.c",
     "!IS_ALIGNED(arg->file_off, block)", "0",
     "guest.abi.misaligned"),
    ("disk_mode_not_checked", "importer/io.c",
     "!(file->filp->f_mode & file_need)", "!file_need",
     "guest.abi.disk_opened_for_the_other_direction"),
    ("dmabuf_mode_not_checked", "importer/io.c",
     "!(buf->dmabuf->file->f_mode & buf_need)", "!buf_need",
     "guest.abi.dmabuf_opened_read_only"),
    ("read_only_disk_written", "importer/io.c",
     "write && bdev_read_only(file->bdev)", "0",
     "guest.abi.disk_set_read_only"),
    ("registration_leaks_when_not_told", "importer/ioctl.c",
     "if (call->undo)", "if (0)",
     "guest.abi.register_into_read_only_memory"),
    ("unknown_flags_ignored", "importer/ioctl.c",
     "arg->flags & ~call->flags)", "0)",
     "guest.abi.unknown_flags"),
    ("reasons_shared_by_contexts_and_lost", "importer/ctx.c",
     "ctx->whys[i].why = *why;", "",
     "guest.abi.misaligned"),
    ("dmabuf_leaked_on_close", "importer/attach.c",
     "	dma_buf_put(attach->dmabuf);\n", "",
     "guest.abi.valid_io_transfers"),
    ("host_memory_used", "importer/submit.c",
     "c->rw.dptr.prp1 = cpu_to_le64(le64_to_cpu(addr[0]) + in_page);",
     "c->rw.dptr.prp1 = cpu_to_le64(cmd->prp_dma);",
     "io.no_host_memory"),
    ("memory_not_cleared", "exporter/kmod/mem.c",
     "memset_io(io, 0, step);", "",
     "guest.bar_exporter.alloc_is_cleared"),
    ("unmapped_under_commands", "importer/map.c",
     "	while (!wait_for_completion_timeout(",
     "	while (0 && !wait_for_completion_timeout(",
     "oracle.revoke"),
    ("peers_without_a_switch_accepted", "exporter/kmod/topology.c",
     "return -EXDEV;", "return 0;",
     "io.peers_without_a_switch"),
    ("moved_without_drain", "importer/map.c",
     "while (!wait_for_completion_timeout(&map->drained, GIMP_DRAIN_SLICE))",
     "while (0)", "lifetime.evict_under_io"),
    ("moved_without_telling", "exporter/kmod/move.c",
     "	dma_buf_invalidate_mappings(buf->dmabuf);\n", "",
     "lifetime.evict_under_io"),
    ("moved_under_the_cpu", "exporter/kmod/move.c",
     "	unmap_mapping_range(buf->inode->i_mapping, 0, 0, 1);\n", "",
     "guest.evict.mapped_contents_follow"),
    ("segments_not_aligned", "importer/map.c",
     "	if (!IS_ALIGNED(addr, GIMP_PAGE_SIZE) ||\n"
     "	    !IS_ALIGNED(len, GIMP_PAGE_SIZE))", "	if (0)",
     "hostile.unaligned_address"),
    ("beyond_the_dma_mask", "importer/map.c",
     "addr + len - 1 < addr || addr + len - 1 > limit", "limit == 1",
     "hostile.beyond_the_mask"),
    ("fences_not_waited_for", "importer/attach.c",
     "	if (!dma_resv_test_signaled(resv, DMA_RESV_USAGE_KERNEL))\n"
     "		return -EBUSY;\n", "", "hostile.slow_fence"),
]


def run(tree, *tests):
    """Run tests in a tree; the output, without what the build said."""
    done = subprocess.run([tree / "scripts/test", *tests], text=True,
                          capture_output=True, timeout=900)
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the tree, in which all the named tests pass."""
    tree = tmp_path_factory.mktemp("mutants") / "tree"
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"],
                           cwd=TOP, check=True, capture_output=True,
                           text=True).stdout.splitlines()
    for name in files:
        if not (TOP / name).exists():
            continue
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / name, tree / name)
    output = run(tree, *sorted({mutant[-1] for mutant in MUTANTS}))
    assert output.splitlines()[-1].endswith(" 0 failed"), output
    return tree


@pytest.mark.soak
@pytest.mark.parametrize("file, old, new, test",
                         [mutant[1:] for mutant in MUTANTS],
                         ids=[mutant[0] for mutant in MUTANTS])
def test_caught(copy, file, old, new, test):
    path = copy / file
    text = path.read_text()
    assert old in text, f"{file} has no {old!r} any more"
    path.write_text(text.replace(old, new))
    try:
        output = run(copy, test)
    finally:
        path.write_text(text)
    assert "*** [" not in output, f"it does not compile:\n{output}"
    assert "FAILED" in output, f"{test} passes over broken code:\n{output}"
