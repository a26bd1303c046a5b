/*
 * bits.h: a bounds-checked walk over single bits, highest first, with the Exp-Golomb codes of ISO/IEC 14496-10 9.1.
 *
 * Like struct reader: a read past the end sets `failed` and returns zero, so a parser reads a whole structure and asks
 * once. Loops whose count comes from the bits must be bounded by the parser, or end when `failed`.
 */
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bits {
	const uint8_t *at, *end; /* whole bytes not begun */
	uint8_t byte;            /* the byte begun */
	uint8_t left;            /* bits of it not read */
	uint8_t zeros;           /* zero bytes just before `at`, when `escaped` */
	bool escaped;            /* drop emulation prevention bytes (00 00 03 → 00 00) */
	bool failed;
};

static inline struct bits bits_of(struct slice s) {
	return (struct bits){.at = s.data, .end = s.size ? s.data + s.size : s.data};
}

/* Over a NAL unit's payload: emulation prevention bytes (ISO/IEC 14496-10 7.4.1) are skipped as they come. */
static inline struct bits bits_of_nal(struct slice s) {
	struct bits b = bits_of(s);
	b.escaped = true;
	return b;
}

/* Bits not read. With `escaped` it counts emulation prevention bytes too. */
static inline size_t bits_left(const struct bits *b) {
	return (size_t)(b->end - b->at) * 8 + b->left;
}

static inline bool bits_next_byte(struct bits *b) {
	if (b->escaped && b->zeros >= 2 && b->at != b->end && *b->at == 3) {
		b->at++;
		b->zeros = 0;
	}
	if (b->at == b->end)
		return false;
	b->byte = *b->at++;
	b->left = 8;
	b->zeros = b->byte ? 0 : (uint8_t)(b->zeros < 2 ? b->zeros + 1 : 2);
	return true;
}

static inline unsigned bits_one(struct bits *b) {
	if (b->failed || (!b->left && !bits_next_byte(b))) {
		b->failed = true;
		return 0;
	}
	return b->byte >> --b->left & 1;
}

/* The next `count` bits, at most 32, as a number; zero on failure. */
static inline uint32_t bits_read(struct bits *b, unsigned count) {
	uint32_t v = 0;
	while (count--)
		v = v << 1 | bits_one(b);
	return b->failed ? 0 : v;
}

/* Drops the rest of the byte begun. */
static inline void bits_align(struct bits *b) {
	b->left = 0;
}

/* Drops `count` whole bytes; the walk must be aligned. */
static inline void bits_skip_bytes(struct bits *b, unsigned count) {
	while (count-- && !b->failed)
		bits_read(b, 8);
}

/* ue(v): 0 to 2^32 - 2; longer codes fail. */
static inline uint32_t bits_ue(struct bits *b) {
	unsigned zeros = 0;
	while (!bits_one(b)) {
		if (b->failed || ++zeros == 32) {
			b->failed = true;
			return 0;
		}
	}
	uint32_t rest = bits_read(b, zeros);
	return b->failed ? 0 : (uint32_t)((UINT64_C(1) << zeros) - 1 + rest);
}

/* se(v): 0, 1, -1, 2, -2, … */
static inline int32_t bits_se(struct bits *b) {
	uint32_t v = bits_ue(b);
	return v & 1 ? (int32_t)(v / 2 + 1) : -(int32_t)(v / 2);
}
