/*
 * gzip.h: the gzip coding of a body (RFC 1952) through zlib.
 */
#pragma once

#include "common/loop/conn.h"

#include <stdbool.h>

enum {
	GZIP_LEAST = 256,           /* bytes below which it is not worth while */
	GZIP_MOST = 4 * 1024 * 1024 /* and above which it would hold up the loop */
};

/* Whether a body of that size is compressed for those who take it. */
static inline bool gzip_pays(uint64_t size) {
	return size >= GZIP_LEAST && size <= GZIP_MOST;
}

/* The runs as one compressed block, the caller's reference; NULL when memory is out. */
struct bytes *gzip_slices(const struct conn_slice *slices, size_t count);
