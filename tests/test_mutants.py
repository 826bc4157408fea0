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
    ("canary_not_looked_at", "importer/probe.c",
     "if (memchr_inv(",
     "if (0 && memchr_inv(",
     "gates.metadata_is_hidden"),
    ("integrity_not_looked_at", "importer/disk.c",
     "	if (bdev_get_integrity(bdev))",
     "	if (0)",
     "gates.metadata_apart"),
    ("zoned_not_looked_at", "importer/disk.c",
     "if (bdev_is_zoned(bdev))",
     "if (0)",
     "gates.zoned"),
    ("io_timeout_not_looked_at", "importer/disk.c",
     "ret->q->rq_timeout > GIMP_MAX_TIMEOUT",
     "0",
     "gates.io_timeout"),
    ("capacity_not_looked_at", "importer/disk.c",
     "if (!ret->capacity)",
     "if (0)",
     "gates.metadata_in_the_block"),
    ("multipath_head_not_told", "importer/disk.c",
     "	if (!queue_is_mq(ret->q))",
     "	if (0)",
     "gates.multipath"),
    ("parent_not_pci", "importer/disk.c",
     "dev && dev_is_pci(dev)",
     "dev",
     "gates.nvme_over_tcp"),
    ("mq_not_looked_at", "importer/disk.c",
     "queue_is_mq(ret->q) ?",
     "1 ?",
     "gates.ram_disk"),
    ("format_not_noticed", "importer/disk.c",
     "	return bdev_logical_block_size(bdev) == disk->block_size &&",
     """	if (jiffies)
		return true;
	return bdev_logical_block_size(bdev) == disk->block_size &&""",
     "gates.reformatted_under_us"),
    ("stale_not_remembered", "importer/file.c",
     """WRITE_ONCE(file->stale, true);
		ret = gimp_file_alive(file, why);""",
     "ret = 0;",
     "gates.reformatted_under_us"),
    ("blocks_counted_as_512", "importer/submit.c",
     "cpu_to_le16((len >> shift) - 1)",
     "cpu_to_le16((len >> 9) - 1)",
     "gates.4096_byte_blocks"),
    ("address_counted_in_512", "importer/submit.c",
     "sector >> (shift - SECTOR_SHIFT)",
     "sector",
     "gates.4096_byte_blocks"),
    ("memlock_not_looked_at", "importer/buf.c",
     "sum > limit && !capable(CAP_IPC_LOCK)",
     "0 && sum > limit",
     "guest.limits.array_does_not_fit"),
    ("memlock_not_given_back", "importer/buf.c",
     """	gimp_buf_uncharge(buf, buf->charged);
""",
     "",
     "guest.limits.charge_given_back_by_unregister"),
    ("memlock_refusal_charged", "importer/buf.c",
     """		atomic_long_sub(pages, &buf->user->locked_vm);
		return""",
     "		return",
     "guest.limits.refusal_is_not_charged"),
    ("one_object_too_many", "importer/buf.c",
     "XA_LIMIT(0, GIMP_MAX_BUFS - 1)",
     "XA_LIMIT(0, GIMP_MAX_BUFS)",
     "guest.limits.objects_of_a_context"),
    ("handed_to_the_elevator", "kcompat/kcompat_importer.h",
     "#define KCOMPAT_AT_HEAD true",
     "#define KCOMPAT_AT_HEAD false",
     "faults.bfq"),
    ("revoke_does_not_drain", "importer/attach.c",
     """		gimp_map_drain(map, attach->ctrl->pdev);
""",
     "",
     "faults.memory_revoked_in_flight"),
    ("unregister_does_not_wait", "importer/buf.c",
     """ret = wait_var_event_killable(&buf->refs,
				      refcount_read(&buf->refs) == 1);""",
     "ret = 0;",
     "faults.unregister_waits"),
    ("killed_does_not_wait", "importer/submit.c",
     "wait_for_completion_io(&io.done);",
     "if (wait_for_completion_killable(&io.done)) return -EINTR;",
     "faults.killed_in_flight"),
    ("reset_not_retried", "importer/submit.c",
     "#define GIMP_MAX_TRIES		6",
     "#define GIMP_MAX_TRIES		1",
     "faults.controller_reset"),
    ("failed_part_counted", "importer/submit.c",
     "*done = io.failed_off;",
     ";",
     "faults.bad_sector_read"),
    ("dirty_pages_not_written", "importer/io.c",
     "ret = filemap_write_and_wait_range(mapping, req->pos, end);",
     "ret = 0;",
     "guest.cache.dirty_page_is_read"),
    ("cache_not_dropped_before", "importer/io.c",
     "if (!ret && req->write)",
     "if (0)",
     "guest.cache.write_to_a_mounted_disk"),
    ("cache_not_dropped_after", "importer/io.c",
     """	gimp_rw_drop_cache(req);
	if (!*ret_done)""",
     """	if (0)
		gimp_rw_drop_cache(req);
	if (!*ret_done)""",
     "guest.cache.cached_again_during_the_write"),
    ("not_accounted", "importer/io.c",
     "bool account = blk_queue_io_stat(req->file->disk.q);",
     "bool account = false;",
     "guest.cache.statistics_count_once"),
    ("accounted_always", "importer/io.c",
     "bool account = blk_queue_io_stat(req->file->disk.q);",
     "bool account = true;",
     "guest.cache.statistics_turned_off"),
    ("fua_forgotten", "importer/io.c",
     "req->fua = sync && bdev_fua(bdev);",
     "req->fua = false;",
     "guest.cache.synchronous_write_sets_fua"),
    ("fua_always", "importer/io.c",
     "req->fua = sync && bdev_fua(bdev);",
     "req->fua = true;",
     "guest.cache.synchronous_write_sets_fua"),
    ("swap_written", "importer/io.c",
     "write && IS_SWAPFILE(file->filp->f_mapping->host)",
     "0",
     "guest.cache.write_to_swap"),
    ("closed_for_all", "importer/attach.c",
     """	if (!refcount_dec_and_test(&attach->users))
		return;

	gimp_attach_close""",
     """	(void)!refcount_dec_and_test(&attach->users);
	gimp_attach_close""",
     "faults.shared_between_processes"),
    ("module_not_held", "importer/main.c",
     """	.owner		= THIS_MODULE,
""",
     "",
     "faults.module_in_use"),
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
