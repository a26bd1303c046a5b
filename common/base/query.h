/*
 * query.h: the parameters of a URL's query, "a=1&b=two". Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of `name`, its escapes (%XX, and + for a space) undone; the first, if there are several. Returns its
 * length; UV_ENOENT: it is not there; UV_EINVAL: it has a broken escape or a NUL, or does not fit into `size` with its
 * NUL. */
int query_get(const char *query, const char *name, char *out, size_t size);

/* The value as a decimal number. 0, UV_ENOENT, or UV_EINVAL: that is no number, or it is over 64 bits. */
int query_u64(const char *query, const char *name, uint64_t *out);
