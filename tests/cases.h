/* SPDX-License-Identifier: MIT */
/*
 * The main() of a test program, unit or guest.  Include it once:
 *
 *	CASES_MAIN(cases, setup, teardown)
 *
 * --list prints the names of the cases, one a line; a name as argument runs
 * that one.  Exit status: 0 passed, 1 failed, 77 all that was run was skipped,
 * 2 no such case.
 */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CASES_SKIPPED 77

/* Before and after each case of the program. */
#define CASE_WITH(fn, setup, teardown) \
	cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define CASE(fn) cmocka_unit_test(fn)

static unsigned int cases_skipped;

/* Ends the case: what it needs is not there. */
#define case_skip(...) \
	do { \
		print_message(__VA_ARGS__); \
		print_message("\n"); \
		cases_skipped++; \
		skip(); \
	} while (0)

/* Whether a case of this name is to be run; prints it if asked for a list. */
static inline size_t cases_select(const struct CMUnitTest *cases, size_t n,
				  const char *arg)
{
	size_t selected = 0;

	for (size_t i = 0; i < n; i++) {
		if (arg && !strcmp(arg, "--list"))
			puts(cases[i].name);
		else if (!arg || !strcmp(arg, cases[i].name))
			selected++;
	}
	return selected;
}

#define CASES_MAIN(cases, setup, teardown) \
int main(int argc, char **argv) \
{ \
	size_t selected = cases_select(cases, \
				       sizeof(cases) / sizeof(cases[0]), \
				       argv[1]); \
\
	if (argc > 1 && !strcmp(argv[1], "--list")) \
		return 0; \
	if (!selected || argc > 2) { \
		fprintf(stderr, "usage: %s [--list | CASE]\n", argv[0]); \
		return 2; \
	} \
	if (argc > 1) \
		cmocka_set_test_filter(argv[1]); \
	if (cmocka_run_group_tests(cases, setup, teardown)) \
		return 1; \
	return cases_skipped == selected ? CASES_SKIPPED : 0; \
}

#endif /* TESTS_CASES_H */
