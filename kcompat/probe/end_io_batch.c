// SPDX-License-Identifier: GPL-2.0-only
/* rq_end_io_fn has a third argument. */
#include <linux/blk-mq.h>

enum rq_end_io_ret kcompat_probe_end(struct request *rq, blk_status_t status,
				     const struct io_comp_batch *iob);
void kcompat_probe(struct request *rq);
void kcompat_probe(struct request *rq)
{
	rq->end_io = kcompat_probe_end;
}
