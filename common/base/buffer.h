/*
 * buffer.h: a growing run of bytes that one owner writes, big-endian unless the name says otherwise.
 *
 * Errors stick: after a failed append (UV_ENOMEM, or UV_E2BIG past the limit) all further ones do nothing, so a
 * writer appends freely and asks `buffer_error` once, or takes the result and gets NULL.
 */
#pragma once

#include "common/base/bytes.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
	struct bytes *block; /* NULL while empty; block->size is the capacity */
	size_t size;         /* bytes written */
	size_t limit;        /* most bytes it may hold; 0 means no limit */
	int error;           /* 0, or the first failure */
};

/* An empty buffer that may hold `limit` bytes (0: no limit). Allocates nothing. */
void buffer_init(struct buffer *b, size_t limit);

/* Frees what it holds; the buffer is empty and usable again, its error cleared. */
void buffer_fini(struct buffer *b);

/* Forgets the content and the error, keeps the memory. */
void buffer_clear(struct buffer *b);

void buffer_append(struct buffer *b, const void *data, size_t size);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_decimal(struct buffer *b, uint64_t v); /* its digits */
void buffer_u8(struct buffer *b, uint8_t v);
void buffer_u16(struct buffer *b, uint16_t v);
void buffer_u24(struct buffer *b, uint32_t v); /* the low 24 bits */
void buffer_u32(struct buffer *b, uint32_t v);
void buffer_u32le(struct buffer *b, uint32_t v);
void buffer_u64(struct buffer *b, uint64_t v);
void buffer_f64(struct buffer *b, double v); /* IEEE 754, big-endian */

/* Without the NUL. */
static inline void buffer_append_string(struct buffer *b, const char *s) {
	buffer_append(b, s, strlen(s));
}

/* Room for `size` more bytes to write into, counted as written at once; NULL on failure (the error sticks). */
uint8_t *buffer_reserve(struct buffer *b, size_t size);

/* Tells an empty buffer how much is to come, so that the block is no larger than that. A hint: more still fits. */
void buffer_expect(struct buffer *b, size_t size);

/* Removes the first `size` bytes (at most what is there). */
void buffer_consume(struct buffer *b, size_t size);

static inline struct slice buffer_slice(const struct buffer *b) {
	return (struct slice){b->block ? b->block->data : NULL, b->size};
}

static inline int buffer_error(const struct buffer *b) {
	return b->error;
}

/*
 * The content as a counted block (the caller's reference); the buffer is empty after. NULL if an error stuck or memory
 * is out. The block may keep slack behind its `size`.
 */
struct bytes *buffer_take(struct buffer *b);
