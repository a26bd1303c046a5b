/*
 * box.h: boxes of ISO base media files (ISO/IEC 14496-12 4.2), written into a buffer. Errors stick in the buffer.
 *
 *     struct box moov = box_begin(b, FOURCC('m', 'o', 'o', 'v'));
 *     …
 *     box_end(b, moov);
 */
#pragma once

#include "common/base/buffer.h"
#include "common/codec/codec.h"

enum { BOX_HEADER_SIZE = 8 };

/* A box whose size is not known yet. */
struct box {
	size_t at; /* of its first byte in the buffer */
};

struct box box_begin(struct buffer *b, uint32_t type);
struct box full_box_begin(struct buffer *b, uint32_t type, uint8_t version, uint32_t flags);
void box_end(struct buffer *b, struct box box);

void box_zeros(struct buffer *b, size_t count);

/* Overwrites 32 bits that were written before, at `at` from the buffer's begin. */
void box_patch_u32(struct buffer *b, size_t at, uint32_t v);
