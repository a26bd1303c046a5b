#include "common/mux/box.h"

#include <string.h>

struct box box_begin(struct buffer *b, uint32_t type) {
	struct box box = {b->size};
	buffer_u32(b, 0);
	buffer_u32(b, type);
	return box;
}

struct box full_box_begin(struct buffer *b, uint32_t type, uint8_t version, uint32_t flags) {
	struct box box = box_begin(b, type);
	buffer_u32(b, (uint32_t)version << 24 | flags);
	return box;
}

void box_end(struct buffer *b, struct box box) {
	box_patch_u32(b, box.at, (uint32_t)(b->size - box.at));
}

void box_zeros(struct buffer *b, size_t count) {
	uint8_t *at = buffer_reserve(b, count);
	if (at)
		memset(at, 0, count);
}

void box_patch_u32(struct buffer *b, size_t at, uint32_t v) {
	if (buffer_error(b))
		return;
	for (int i = 0; i < 4; i++)
		b->block->data[at + (size_t)i] = (uint8_t)(v >> (24 - 8 * i));
}
