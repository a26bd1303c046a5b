#include "common/package/segment_store_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

/* Arrays grow by doubling. */
static int grow(void **items, uint32_t count, uint32_t *capacity, size_t size) {
	if (count < *capacity)
		return 0;
	uint32_t wanted = *capacity ? *capacity * 2 : 16;
	void *more = realloc(*items, wanted * size);
	if (!more)
		return UV_ENOMEM;
	*items = more;
	*capacity = wanted;
	return 0;
}

void segment_account(struct segment *s, size_t bytes) {
	s->memory += bytes;
	s->track->store->bytes += bytes;
}

void segment_begins(struct segment *s, const struct frame *first) {
	s->begun = true;
	s->start = first->pts;
	s->first_dts = first->dts;
}

int segment_add_sample(struct segment *s, struct entry *frame, uint32_t duration) {
	int err = grow((void **)&s->samples, s->sample_count, &s->sample_capacity, sizeof *s->samples);
	if (err)
		return err;
	if (!s->sample_count)
		segment_begins(s, &frame->frame);
	s->samples[s->sample_count++] = (struct segment_sample){.entry = entry_ref(frame), .duration = duration};
	s->duration += duration;
	segment_account(s, sizeof *s->samples);
	return 0;
}

int segment_add_part(struct segment *s, const struct segment_part *part) {
	struct runs *runs = part->runs;
	int err = grow((void **)&s->parts, s->part_count, &s->part_capacity, sizeof *s->parts);
	if (err) {
		runs_unref(&runs);
		return err;
	}
	s->parts[s->part_count++] = *part;
	s->size += runs->size;
	segment_account(s, sizeof *s->parts + sizeof *runs + runs->count * sizeof *runs->items + runs->size);
	return 0;
}

void segment_close(struct segment *s, int64_t end_us) {
	assert(s->state == SEGMENT_OPEN);
	s->state = s->sample_count ? SEGMENT_COMPLETE : SEGMENT_GAP;
	s->end_us = end_us > s->start_us ? end_us : s->start_us;
	if (s->state == SEGMENT_GAP) {
		size_t at = segment_track_at(s->track, s->number);
		segment_note_run(s, at ? s->track->items[at - 1] : NULL, true);
	}
}

void segment_spoil(struct segment *s) {
	s->flags |= SEGMENT_HOLED;
}

void segment_empty(struct segment *s) {
	for (uint32_t i = 0; i < s->part_count; i++)
		runs_unref(&s->parts[i].runs);
	for (uint32_t i = 0; i < s->sample_count; i++)
		entry_unref(&s->samples[i].entry);
	runs_unref(&s->ts);
	s->part_count = s->sample_count = s->listed = 0;
	s->size = 0;
	s->duration = 0;
	s->flags = 0;
	s->begun = false;
	s->track->store->bytes -= s->memory;
	s->memory = 0;
}

struct runs *segment_runs(const struct segment *s, uint32_t from, uint32_t count) {
	struct runs *parts[PARTS_MAX];
	uint32_t n = 0;
	if (from >= s->part_count)
		return NULL;
	if (count > s->part_count - from)
		count = s->part_count - from;
	if (count == 1)
		return runs_ref(s->parts[from].runs);
	for (; n < count && n < PARTS_MAX; n++)
		parts[n] = s->parts[from + n].runs;
	return runs_join(parts, n);
}

int64_t segment_wall_us(const struct segment *s) {
	const struct anchor *a = &s->period->anchor;
	return a->wall_us + (s->start_us - a->media_us);
}
