/*
 * reader.h: a bounds-checked walk over bytes from a peer, big-endian unless the name says otherwise.
 *
 * A read past the end sets `failed`, returns zero and moves nothing; a parser may read a whole structure and ask once.
 */
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static inline struct reader reader_of(const void *data, size_t size) {
	const uint8_t *p = data;
	return (struct reader){p, size ? p + size : p, false};
}

static inline size_t reader_left(const struct reader *r) {
	return (size_t)(r->end - r->at);
}

/* `size` bytes in place, or NULL with `failed` set. */
static inline const uint8_t *reader_take(struct reader *r, size_t size) {
	if (r->failed || reader_left(r) < size) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->at;
	if (size)
		r->at += size;
	return p;
}

static inline uint64_t reader_be(struct reader *r, size_t size) {
	const uint8_t *p = reader_take(r, size);
	uint64_t v = 0;
	for (size_t i = 0; p && i < size; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint8_t reader_u8(struct reader *r) {
	return (uint8_t)reader_be(r, 1);
}

static inline uint16_t reader_u16(struct reader *r) {
	return (uint16_t)reader_be(r, 2);
}

static inline uint32_t reader_u24(struct reader *r) {
	return (uint32_t)reader_be(r, 3);
}

/* Two's complement in 24 bits, sign-extended (FLV composition times). */
static inline int32_t reader_i24(struct reader *r) {
	uint32_t v = reader_u24(r);
	return v & 0x800000 ? (int32_t)v - 0x1000000 : (int32_t)v;
}

static inline uint32_t reader_u32(struct reader *r) {
	return (uint32_t)reader_be(r, 4);
}

static inline uint32_t reader_u32le(struct reader *r) {
	return __builtin_bswap32(reader_u32(r));
}

static inline uint64_t reader_u64(struct reader *r) {
	return reader_be(r, 8);
}

static inline double reader_f64(struct reader *r) {
	uint64_t bits = reader_be(r, 8);
	double v;
	memcpy(&v, &bits, sizeof v);
	return v;
}
