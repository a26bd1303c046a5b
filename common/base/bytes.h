/*
 * bytes.h: a counted, immutable block of bytes. Frames' payloads and everything sent to a socket are such blocks.
 *
 * `bytes_new` gives a block that the maker fills; once any other owner has a reference it is constant.
 */
#pragma once

#include "common/base/counted.h"

#include <stddef.h>
#include <stdint.h>

struct bytes {
	struct counted counted;
	size_t size; /* bytes in `data` that count */
	uint8_t data[];
};

/* A borrowed run of bytes: it owns nothing and is valid only as long as its owner says. */
struct slice {
	const uint8_t *data;
	size_t size;
};

/* A block of `size` unset bytes, one reference; NULL when memory is out. */
struct bytes *bytes_new(size_t size);

/* A block with a copy of `size` bytes from `data`; NULL when memory is out. */
struct bytes *bytes_copy(const void *data, size_t size);

/* A hash of the content that is quick with large ones: frames are told apart by it. Of this node alone (byte order),
 * and no proof against somebody who looks for two of the same. */
uint64_t bytes_hash(struct slice s);

static inline struct bytes *bytes_ref(struct bytes *b) {
	counted_ref(&b->counted);
	return b;
}

/* Drops the reference in `*b` and nulls it. NULL is allowed. */
static inline void bytes_unref(struct bytes **b) {
	if (*b)
		counted_unref(&(*b)->counted);
	*b = NULL;
}

static inline struct slice bytes_slice(const struct bytes *b) {
	return (struct slice){b->data, b->size};
}
