#include "common/mux/flv_file.h"

#include <string.h>
#include <uv.h>

int flv_file_open(struct flv_file *f, struct slice bytes) {
	enum { HEADER_LEAST = 9, HEADER_MOST = 4096 };
	f->r = reader_of(bytes.data, bytes.size);
	const uint8_t *signature = reader_take(&f->r, 3);
	bool is_flv = signature && memcmp(signature, "FLV", 3) == 0 && reader_u8(&f->r) == 1;
	reader_u8(&f->r); /* which kinds of tags follow: they tell themselves */
	uint32_t size = reader_u32(&f->r);
	if (!is_flv || f->r.failed || size < HEADER_LEAST || size > HEADER_MOST)
		return UV_EINVAL;
	reader_take(&f->r, size - HEADER_LEAST);
	reader_u32(&f->r); /* PreviousTagSize0 */
	return f->r.failed ? UV_EINVAL : 0;
}

int flv_file_next(struct flv_file *f, struct flv_file_tag *tag) {
	enum { FILTER = 0x20, TYPE = 0x1f };
	if (reader_left(&f->r) == 0)
		return 0;
	uint8_t type = reader_u8(&f->r);
	uint32_t size = reader_u24(&f->r), low = reader_u24(&f->r), high = reader_u8(&f->r);
	reader_u24(&f->r); /* StreamID, always 0 */
	const uint8_t *body = reader_take(&f->r, size);
	reader_u32(&f->r); /* PreviousTagSize */
	if (f->r.failed || type & FILTER)
		return UV_EINVAL;
	*tag = (struct flv_file_tag){.type = type & TYPE, .timestamp_ms = high << 24 | low, .body = {body, size}};
	return 1;
}

bool flv_sample_of_tag(struct sample *out, const struct flv_tag *tag, uint32_t timestamp_ms, struct bytes *block) {
	static const enum sample_type types[] = {[FLV_CONFIG] = SAMPLE_CONFIG,
	                                         [FLV_FRAME] = SAMPLE_FRAME,
	                                         [FLV_SEQUENCE_END] = SAMPLE_SEQUENCE_END,
	                                         [FLV_METADATA] = SAMPLE_EXTRA,
	                                         [FLV_MULTICHANNEL] = SAMPLE_EXTRA};
	if (tag->packet == FLV_UNKNOWN || tag->packet == FLV_COMMAND || tag->packet == FLV_TS_CONFIG)
		return false; /* nothing that a frame needs */
	if (tag->packet == FLV_FRAME && tag->payload.size == 0)
		return false; /* silence */
	*out = (struct sample){.type = types[tag->packet],
	                       .kind = tag->type == FLV_VIDEO ? TRACK_VIDEO : TRACK_AUDIO,
	                       .fourcc = tag->fourcc,
	                       .publisher_track = tag->track_id,
	                       .flv_audio = tag->audio_header,
	                       .keyframe = tag->keyframe,
	                       .timestamp_ms = timestamp_ms,
	                       .composition_ms = tag->composition_ms,
	                       .nano_offset = tag->nano_offset,
	                       .block = block,
	                       .payload = tag->payload};
	return true;
}

enum { STRING_HEAD = 3 }; /* AMF0: a type and two bytes of length */

static bool begins_with_string(struct slice s, const char *text) {
	size_t n = strlen(text);
	return s.size >= STRING_HEAD + n && s.data[0] == 2 && s.data[1] == n >> 8 && s.data[2] == (n & 0xff) &&
	       memcmp(s.data + STRING_HEAD, text, n) == 0;
}

bool flv_sample_of_script(struct sample *out, struct slice script, uint32_t timestamp_ms, struct bytes *block) {
	static const char set_data_frame[] = "@setDataFrame";
	if (begins_with_string(script, set_data_frame)) {
		script.data += STRING_HEAD + sizeof set_data_frame - 1;
		script.size -= STRING_HEAD + sizeof set_data_frame - 1;
	}
	if (script.size <= STRING_HEAD || script.data[0] != 2 || begins_with_string(script, "@clearDataFrame"))
		return false;
	*out = (struct sample){.type = begins_with_string(script, "onMetaData") ? SAMPLE_METADATA : SAMPLE_DATA,
	                       .kind = TRACK_DATA,
	                       .fourcc = FOURCC_AMF0,
	                       .timestamp_ms = timestamp_ms,
	                       .block = block,
	                       .payload = script};
	return true;
}
