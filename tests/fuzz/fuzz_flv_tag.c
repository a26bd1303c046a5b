/* FLV bodies: the first byte's low bit says audio or video. What reads is written, and reads again as the same. */
#include "common/base/buffer.h"
#include "common/mux/flv_tag.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct flv_tag *a, const struct flv_tag *b) {
	assert(a->packet == b->packet);
	assert(a->track_id == b->track_id);
	assert(a->command == b->command);
	assert(a->composition_ms == b->composition_ms);
	assert(a->payload.size == b->payload.size);
	assert(!a->payload.size || !memcmp(a->payload.data, b->payload.data, a->payload.size));
	if (a->packet == FLV_FRAME)
		assert(a->keyframe == b->keyframe && a->disposable == b->disposable);
}

static void check_written(const struct flv_tag *tag, enum flv_form form) {
	uint8_t header[FLV_HEADER_MAX];
	int size = flv_tag_header_write(header, tag, form);
	if (size < 0)
		return;
	assert(size > 0 && size <= FLV_HEADER_MAX);
	struct buffer b;
	buffer_init(&b, 0);
	buffer_append(&b, header, (size_t)size);
	buffer_append(&b, tag->payload.data, tag->payload.size);
	struct flv_tag_reader it = flv_tag_reader_of(tag->type, buffer_slice(&b));
	struct flv_tag again;
	assert(flv_tag_read(&it, &again) == 1);
	check_same(&again, tag);
	assert(again.fourcc == tag->fourcc || tag->packet == FLV_COMMAND);
	assert(again.nano_offset == tag->nano_offset || form == FLV_LEGACY);
	assert(flv_tag_read(&it, &again) == 0);
	buffer_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (!size)
		return 0;
	struct flv_tag_reader it =
	    flv_tag_reader_of(data[0] & 1 ? FLV_VIDEO : FLV_AUDIO, (struct slice){data + 1, size - 1});
	struct flv_tag tag;
	unsigned count = 0;
	while (flv_tag_read(&it, &tag) == 1) {
		assert(!tag.payload.size || (tag.payload.data > data && tag.payload.data + tag.payload.size <= data + size));
		check_written(&tag, FLV_LEGACY);
		check_written(&tag, FLV_ENHANCED);
		count++;
	}
	assert(count <= FLV_TRACKS_MAX);
	return 0;
}
