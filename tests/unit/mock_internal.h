/* SPDX-License-Identifier: MIT */
/* Between mock_sys.c and mock_ioctl.c. */
#ifndef TESTS_MOCK_INTERNAL_H
#define TESTS_MOCK_INTERNAL_H

#include "mock.h"

enum mock_kind { CLOSED, DEV, BAR, DMABUF, DISK, REGULAR, OTHER };

struct mock_fd {
	enum mock_kind kind;
	uint64_t size;		/* bytes */
	int mode;		/* O_ACCMODE */
	int bar;		/* which one, of kind BAR */
};

/* NULL if it is not open. */
struct mock_fd *mock_get_fd(int fd);
int mock_new_fd(struct mock_fd what);

void mock_ioctl_reset(void);
int mock_ids_alive(void);

#endif /* TESTS_MOCK_INTERNAL_H */
