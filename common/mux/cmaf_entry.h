/*
 * cmaf_entry.h: sample entries (ISO/IEC 14496-12 8.5.2), codec by codec; for cmaf_init.c alone.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/stream/tracks.h"

/* What an init segment says of a picture beyond its size. */
struct cmaf_shape {
	uint32_t sar_width, sar_height; /* shape of a pixel; 0/0 unknown */
};

struct cmaf_shape cmaf_shape_of(const struct track *t);

/* Appends the track's sample entry. Errors as cmaf_init_write; running out of memory sticks in the buffer instead. */
int cmaf_entry_write(struct buffer *b, const struct track *t, const struct cmaf_shape *shape);
