/*
 * Which segment a time names. Segments of an epoch follow each other in time as they do in number.
 */
#include "common/package/segment_store_parts.h"

#include <stdint.h>

static bool has_begun(const struct segment *s) {
	return s->begun && s->state != SEGMENT_GAP && !(s->flags & SEGMENT_HOLED);
}

/* --- what is expected --- */

static int64_t add(int64_t a, int64_t b) {
	int64_t sum;
	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/* A sound begins with its first frame from the mark on, and its frames are all alike. The mark's µs are rounded: what
 * lies a tick before it counts as at it. */
static int64_t on_grid(const struct track *t, int64_t start, int64_t mark) {
	int64_t distance, step = t->frame_ticks;
	if (t->kind != TRACK_AUDIO || step < 2 || __builtin_sub_overflow(mark, start, &distance) || distance < 1)
		return mark;
	return add(start, add(distance, step - 2) / step * step);
}

int64_t segment_track_expected(const struct segment_track *t, size_t at) {
	const struct segment *s = t->items[at];
	int64_t mark_us = add(s->start_us, segment_track_length_us(t, at));
	return on_grid(s->info, s->start, us_to_ticks(mark_us, s->info->timescale));
}

/* --- which one --- */

static const struct segment *begins_at(const struct segment_track *t, const struct segment_name *n) {
	for (size_t i = t->count; i-- > 0;)
		if (t->items[i]->epoch == n->epoch && has_begun(t->items[i]) && t->items[i]->start == n->time)
			return t->items[i];
	return NULL;
}

/* The last one of the epoch that begins before the time; t->count: there is none, and `*later` tells whether one begins
 * behind it. */
static size_t begins_before(const struct segment_track *t, const struct segment_name *n, bool *later) {
	*later = false;
	for (size_t i = t->count; i-- > 0;) {
		if (t->items[i]->epoch != n->epoch || !has_begun(t->items[i]))
			continue;
		if (t->items[i]->start < n->time)
			return i;
		*later = true;
	}
	return t->count;
}

/* The one that was expected then, and began earlier or later. */
static const struct segment *expected_at(const struct segment_track *t, const struct segment_name *n) {
	for (size_t i = 0; i + 1 < t->count; i++) {
		const struct segment *s = t->items[i], *next = t->items[i + 1];
		if (s->epoch == n->epoch && next->epoch == n->epoch && s->number + 1 == next->number && has_begun(s) &&
		    has_begun(next) && segment_track_expected(t, i) == n->time)
			return next;
	}
	return NULL;
}

/* Other edges may be ahead of this one, and announce what has yet to begin. */
static enum segment_answer ahead(const struct segment_track *t, const struct segment_name *n) {
	const struct segment *newest = t->items[t->count - 1];
	int64_t end = us_to_ticks(newest->end_us, newest->info->timescale), now = add(newest->start, newest->duration);
	int64_t more = us_to_ticks((int64_t)segment_store_target_ms(t->store) * 1000, newest->info->timescale);
	bool near = n->time <= add(end > now ? end : now, more);
	return near && n->epoch >= newest->epoch && !t->store->ended ? SEGMENT_WAIT : SEGMENT_NONE;
}

/* None begins at that time, and of none was it expected just so. */
static enum segment_answer look_around(const struct segment_track *t, const struct segment_name *n,
                                       const struct segment **out) {
	bool later;
	size_t at = begins_before(t, n, &later);
	if (at == t->count)
		return later ? SEGMENT_NONE : ahead(t, n);
	const struct segment *s = t->items[at], *next = at + 1 < t->count ? t->items[at + 1] : NULL;
	bool is_over = next ? next->epoch != n->epoch : s->flags & SEGMENT_TENTATIVE || t->store->ended;
	bool expected = n->time >= segment_track_expected(t, at);
	if (!expected && n->time < add(s->start, s->duration)) {
		*out = s; /* some players count on by what one segment was expected to last */
		return SEGMENT_HERE;
	}
	if (is_over)
		return n->time == segment_track_expected(t, at) ? SEGMENT_OVER : SEGMENT_NONE;
	if (!next)
		return ahead(t, n);
	if (next->number != s->number + 1 || next->flags & SEGMENT_HOLED)
		return t->store->ended ? SEGMENT_NONE : SEGMENT_WAIT;
	if (next->state == SEGMENT_GAP)
		return SEGMENT_NONE;
	if (!has_begun(next))
		return SEGMENT_WAIT;
	*out = next;
	return expected ? SEGMENT_HERE : SEGMENT_NONE;
}

enum segment_answer segment_store_resolve(const struct segment_store *s, const char *track, struct segment_name *name,
                                          bool *guessed) {
	*guessed = false;
	if (name->kind != NAME_TIME)
		return SEGMENT_HERE;
	const struct segment_track *t = segment_store_track(s, track);
	if (!t || !t->count)
		return SEGMENT_NONE;
	const struct segment *found = begins_at(t, name);
	if (!found)
		found = expected_at(t, name);
	enum segment_answer answer = found ? SEGMENT_HERE : look_around(t, name, &found);
	if (answer != SEGMENT_HERE)
		return answer;
	int64_t first = found->sample_count ? found->samples[0].duration : 1;
	*guessed = name->time >= add(found->start, first);
	name->kind = NAME_SEGMENT;
	name->number = found->number;
	return SEGMENT_HERE;
}
