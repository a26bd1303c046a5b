#include "origin/shadow.h"

#include <stdlib.h>
#include <uv.h>

static struct shadow_item *item_at(const struct shadow *s, uint64_t nth) {
	return &s->ring[nth & (s->capacity - 1)];
}

struct shadow_item *shadow_at(const struct shadow *s, uint64_t nth) {
	return item_at(s, nth);
}

static size_t item_bytes(const struct shadow_item *i) {
	return sizeof *i + i->sample.payload.size;
}

static void drop_first(struct shadow *s) {
	struct shadow_item *i = item_at(s, s->first++);
	s->bytes -= item_bytes(i);
	bytes_unref(&i->sample.block);
}

void shadow_fini(struct shadow *s) {
	while (s->first < s->next)
		drop_first(s);
	free(s->ring);
	*s = (struct shadow){0};
}

static int grow(struct shadow *s) {
	enum { FIRST_CAPACITY = 256 };
	size_t capacity = s->capacity ? 2 * s->capacity : FIRST_CAPACITY;
	struct shadow_item *ring = calloc(capacity, sizeof *ring);
	if (!ring)
		return UV_ENOMEM;
	for (uint64_t n = s->first; n < s->next; n++)
		ring[n & (capacity - 1)] = *item_at(s, n);
	free(s->ring);
	s->ring = ring;
	s->capacity = capacity;
	return 0;
}

static bool is_key(const struct shadow *s, const struct sample *sample) {
	if (sample->type != SAMPLE_FRAME || sample->publisher_track != 0)
		return false;
	return sample->kind == TRACK_VIDEO ? sample->keyframe : !s->has_video && sample->kind == TRACK_AUDIO;
}

static bool wanted(const struct shadow_item *i, const struct align *a, unsigned side) {
	return i->placed && align_is(a) && align_lacks(a, side, &i->place);
}

static bool over_limit(const struct shadow *s) {
	int64_t span_us = s->whole ? SHADOW_WHOLE_US : SHADOW_SPAN_US;
	return s->bytes > SHADOW_BYTES_MAX || item_at(s, s->next - 1)->wall_us - item_at(s, s->first)->wall_us > span_us;
}

static int trim(struct shadow *s, const struct align *a, unsigned side) {
	int err = 0;
	while (!s->whole && s->first < s->next && (!s->has_key || s->first < s->key) &&
	       !wanted(item_at(s, s->first), a, side))
		drop_first(s);
	while (s->next - s->first > 1 && over_limit(s)) {
		err = wanted(item_at(s, s->first), a, side) ? UV_ENOBUFS : err;
		drop_first(s);
	}
	s->has_key &= s->first <= s->key;
	return err;
}

int shadow_push(struct shadow *s, const struct sample *sample, int64_t wall_us, const struct align_frame *frame,
                const struct align_place *place, const struct align *a, unsigned side) {
	if (s->next - s->first == s->capacity && grow(s))
		return UV_ENOMEM;
	struct shadow_item *i = item_at(s, s->next);
	*i = (struct shadow_item){.sample = *sample, .wall_us = wall_us, .is_frame = frame, .placed = place};
	if (frame) {
		i->frame = *frame;
		if (!frame->hash) /* while it is in the caches; all at once takes long */
			i->frame.hash = bytes_hash(frame->payload);
	}
	if (place)
		i->place = *place;
	if (sample->block)
		bytes_ref(sample->block);
	s->bytes += item_bytes(i);
	s->has_video |= sample->type == SAMPLE_FRAME && sample->kind == TRACK_VIDEO;
	if (is_key(s, sample)) {
		s->key = s->next;
		s->has_key = true;
	}
	s->next++;
	return trim(s, a, side);
}
