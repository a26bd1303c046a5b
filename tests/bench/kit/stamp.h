/*
 * stamp.h: the publisher's clock in the last bytes of each coded frame, which servers pass on unread: a mark and the
 * time of sending. Decoders would see a damaged picture; nothing here decodes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { STAMP_SIZE = 16 };

#define STAMP_MARK "weir\xc1\xb0\xcc\x1d"

static inline void stamp_put(uint8_t out[STAMP_SIZE], uint64_t ns) {
	memcpy(out, STAMP_MARK, 8);
	for (int i = 0; i < 8; i++)
		out[8 + i] = (uint8_t)(ns >> (56 - 8 * i));
}

/* False when these are not a stamp's bytes. */
static inline bool stamp_get(const uint8_t in[STAMP_SIZE], uint64_t *ns) {
	if (memcmp(in, STAMP_MARK, 8) != 0)
		return false;
	*ns = 0;
	for (int i = 0; i < 8; i++)
		*ns = *ns << 8 | in[8 + i];
	return true;
}
