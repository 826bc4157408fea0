// SPDX-License-Identifier: GPL-2.0-only
/* Before, the flag was RQF_ELV, and a failed request was ended by itself. */
#include <linux/blk-mq.h>

void kcompat_probe(struct request *rq);
void kcompat_probe(struct request *rq)
{
	rq->rq_flags |= RQF_SCHED_TAGS;
}
