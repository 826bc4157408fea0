// SPDX-License-Identifier: MIT
/* The exporters there are, and "name" or "name:argument" to pick one. */
#include <errno.h>
#include <string.h>

#include "exporter.h"

static const struct gdb_exporter *const exporters[] = {
	&gdb_exporter_bar,
};

#define N_EXPORTERS (sizeof(exporters) / sizeof(exporters[0]))

int gdb_exporter_alloc(const char *spec, size_t len, unsigned int flags,
		       struct gdb_export *ret, struct gdb_why *why)
{
	size_t name_len = strcspn(spec, ":");
	const char *arg = spec[name_len] ? spec + name_len + 1 : NULL;

	for (size_t i = 0; i < N_EXPORTERS; i++) {
		const char *name = exporters[i]->name;

		if (strlen(name) == name_len && !strncmp(name, spec, name_len))
			return exporters[i]->alloc(arg, len, flags, ret, why);
	}
	return gdb_why_set(why, EINVAL, GDB_REASON_EXPORTER_UNKNOWN, 0);
}

GDB_PUBLIC int gdb_exporter_list(gdb_exporter_fn *fn, void *user)
{
	int ret;

	if (!fn)
		return gdb_fail_reason(EINVAL, GDB_REASON_ARGUMENT, 0);
	for (size_t i = 0; i < N_EXPORTERS; i++) {
		ret = exporters[i]->list(fn, user);
		if (ret)
			return ret;
	}
	return 0;
}
