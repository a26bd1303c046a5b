/*
 * failing.h: allocations that fail on demand. Included last: what a test includes after it, sources of ours, allocates
 * by these functions, until it undefines their names again; the linker then takes those sources from the test for the
 * whole program, where nothing demands a failure.
 */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static unsigned allocations;
static unsigned failing;      /* the number of the allocation that fails; 0 for none */
static bool all_behind_fails; /* and so do all after it */

static inline bool fails(void) {
	allocations++;
	return failing && (allocations == failing || (all_behind_fails && allocations > failing));
}

static inline void *test_malloc(size_t size) {
	return fails() ? NULL : malloc(size);
}

static inline void *test_calloc(size_t count, size_t size) {
	return fails() ? NULL : calloc(count, size);
}

static inline void *test_realloc(void *old, size_t size) {
	return fails() ? NULL : realloc(old, size);
}

static inline char *test_strdup(const char *text) {
	return fails() ? NULL : strdup(text);
}

static inline char *test_strndup(const char *text, size_t size) {
	return fails() ? NULL : strndup(text, size);
}

#undef strdup
#undef strndup
#define malloc test_malloc
#define calloc test_calloc
#define realloc test_realloc
#define strdup test_strdup
#define strndup test_strndup
