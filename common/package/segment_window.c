/*
 * What of a track is listed, what keeps it from growing, and what has had its time.
 */
#include "common/package/segment_store_parts.h"

#include <string.h>
#include <uv.h>

enum { KEEP_TARGETS_LEAST = 3 };

/* Whether the range may go on behind it. An open one ends the range, also when it is holed: parts of it may have been
 * listed. */
static bool passable(const struct segment *s) {
	return s->state != SEGMENT_OPEN && !(s->flags & SEGMENT_HOLED);
}

/* Index of the first segment that can be listed. */
static size_t range_begin(const struct segment_track *t) {
	size_t i = segment_track_at(t, t->floor);
	while (i < t->count && t->items[i]->flags & SEGMENT_HOLED && t->items[i]->part_count == 0)
		i++;
	return i;
}

/* Index of the first segment that the range does not reach. */
static size_t range_end(const struct segment_track *t, size_t from) {
	for (size_t i = from; i < t->count; i++) {
		if (i > from && t->items[i]->number != t->items[i - 1]->number + 1)
			return i;
		if (t->items[i]->state == SEGMENT_OPEN)
			return i + 1;
		if (!passable(t->items[i]))
			return i;
	}
	return t->count;
}

struct segment_range segment_track_range(const struct segment_track *t) {
	size_t from = range_begin(t), to = range_end(t, from);
	size_t whole = to - from;
	if (whole && t->items[to - 1]->state == SEGMENT_OPEN)
		whole--;
	if (whole > t->store->window)
		from += whole - t->store->window;
	return (struct segment_range){.first = from, .count = to - from};
}

bool segment_track_hole(const struct segment_track *t, uint64_t *first, uint64_t *last) {
	size_t from = range_begin(t), to = range_end(t, from);
	if (to == 0 || to == t->count)
		return false;
	const struct segment *before = t->items[to - 1];
	uint64_t lacking = before->number + 1;
	if (before->state == SEGMENT_OPEN) {
		if (!(before->flags & SEGMENT_HOLED))
			return false; /* its next frame has yet to come */
		lacking = before->number;
	}
	while (to < t->count && t->items[to]->flags & SEGMENT_HOLED)
		to++;
	if (to == t->count)
		return false;
	*first = lacking;
	*last = t->items[to]->number - 1;
	return true;
}

bool segment_store_ready(const struct segment_store *s) {
	bool any = false;
	list_each (node, &s->tracks) {
		const struct segment_track *t = list_entry(node, struct segment_track, node);
		struct segment_range r = segment_track_range(t);
		bool closed = r.count && t->items[r.first]->state != SEGMENT_OPEN;
		if (!closed && !s->ended && segment_track_current(t) && strcmp(t->rendition, "source") == 0)
			return false;
		for (size_t i = r.first; i < r.first + r.count && !any; i++)
			any = t->items[i]->state == SEGMENT_COMPLETE;
	}
	return any && segment_store_target(s);
}

/* Each track when it first has something whole: before that no playlist tells of it. */
void segment_store_publish(struct segment_store *s) {
	list_each (node, &s->tracks) {
		struct segment_track *t = list_entry(node, struct segment_track, node);
		struct segment_range r = segment_track_range(t);
		if (t->floor || !r.count || t->items[r.first]->state == SEGMENT_OPEN)
			continue;
		t->floor = t->items[r.first]->number;
		s->published = true;
	}
}

/* --- giving up --- */

/* A holed segment, whose frames go: it is a gap up to where the next begins. */
static void holed_to_gap(struct segment *s, int64_t end_us) {
	segment_empty(s);
	s->state = SEGMENT_OPEN;
	segment_close(s, end_us);
}

/* What lies behind a hole was noted when that was still open. */
static void note_runs(struct segment_track *t, uint64_t from) {
	for (size_t i = segment_track_at(t, from); i < t->count; i++)
		segment_note_run(t->items[i], i ? t->items[i - 1] : NULL, t->items[i]->state == SEGMENT_GAP);
}

static int give_up_track(struct segment_track *t) {
	uint64_t first, last;
	while (segment_track_hole(t, &first, &last)) {
		size_t behind = segment_track_at(t, last + 1), at = segment_track_at(t, first);
		const struct segment *next = t->items[behind];
		int64_t start_us = at ? t->items[at - 1]->end_us : next->start_us;
		for (size_t i = at; i < behind; i++) {
			struct segment *s = t->items[i];
			const struct segment *then = t->items[i + 1];
			holed_to_gap(s, then->number == s->number + 1 ? then->start_us : s->end_us);
			start_us = s->end_us;
		}
		struct mark mark = {.number = next->number,
		                    .start = next->start,
		                    .timescale = next->info->timescale,
		                    .discontinuity = next->discontinuity,
		                    .anchor = next->period->anchor,
		                    .period_us = next->period->start_us,
		                    .tracks = next->tracks};
		struct segment_begin b = {.epoch = next->epoch, .mark = &mark, .track = next->info};
		int err = segment_store_skip(t->store, &b, first, last, start_us, next->start_us);
		note_runs(t, first);
		if (err)
			return err;
	}
	return 0;
}

int segment_store_give_up(struct segment_store *s) {
	int err = 0;
	list_each (node, &s->tracks) {
		int failed = give_up_track(list_entry(node, struct segment_track, node));
		err = err ? err : failed;
	}
	return err;
}

/* --- what has had its time --- */

/* Segments that wait behind a hole take memory: nobody has filled it for a whole window, so nobody will. */
static void bound_hole(struct segment_track *t) {
	uint64_t first, last;
	if (segment_track_hole(t, &first, &last) && t->count - segment_track_at(t, last + 1) > t->store->window)
		give_up_track(t);
}

/* The lowest number that any track of the newest revision lists; UINT64_MAX: none does. */
static uint64_t lowest_listed(const struct segment_store *s) {
	uint64_t lowest = UINT64_MAX;
	list_each (node, &s->tracks) {
		const struct segment_track *t = list_entry(node, struct segment_track, node);
		struct segment_range r = segment_track_range(t);
		if (r.count && segment_track_current(t) && t->items[r.first]->number < lowest)
			lowest = t->items[r.first]->number;
	}
	return lowest;
}

/* How many of the track's oldest segments are listed no longer. */
static size_t count_left(const struct segment_track *t, uint64_t lowest) {
	if (!segment_track_current(t))
		return segment_track_at(t, lowest);
	struct segment_range r = segment_track_range(t);
	return r.count ? r.first : 0;
}

static void note_longest(struct segment_track *t) {
	struct segment_range r = segment_track_range(t);
	int64_t listed_us = 0;
	for (size_t i = r.first; i < r.first + r.count; i++)
		listed_us += segment_length_us(t->items[i]);
	if (listed_us > t->longest_us)
		t->longest_us = listed_us;
}

/* A player may still read at its length from the oldest playlist that listed it (RFC 8216, 6.2.2). */
static uint64_t keep_ms(const struct segment *s) {
	uint64_t least_ms = (uint64_t)KEEP_TARGETS_LEAST * segment_store_target_ms(s->track->store);
	uint64_t ms = (uint64_t)(segment_length_us(s) + s->track->longest_us) / 1000;
	return ms > least_ms ? ms : least_ms;
}

static void expire_track(struct segment_track *t, uint64_t lowest, uint64_t now_ms) {
	note_longest(t);
	size_t left = count_left(t, lowest), gone = 0;
	for (size_t i = 0; i < left; i++) {
		struct segment *s = t->items[i];
		if (!s->left_ms)
			s->left_ms = now_ms ? now_ms : 1;
		/* An open segment is its packager's. */
		if (gone == i && (s->state != SEGMENT_OPEN || s->flags & SEGMENT_HOLED) && now_ms >= s->left_ms + keep_ms(s))
			gone = i + 1;
	}
	segment_track_drop(t, 0, gone);
}

void segment_store_expire(struct segment_store *s, uint64_t now_ms) {
	list_each (node, &s->tracks)
		bound_hole(list_entry(node, struct segment_track, node));
	uint64_t lowest = lowest_listed(s);
	list_each (node, &s->tracks) {
		struct segment_track *t = list_entry(node, struct segment_track, node);
		expire_track(t, lowest, now_ms);
		if (!t->count && !segment_track_current(t))
			segment_track_free(t);
	}
}
