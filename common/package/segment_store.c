#include "common/package/segment_store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { USUAL_TARGET_MS = 2000 };

struct segment_store *segment_store_new(uint32_t window) {
	struct segment_store *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->window = window;
	list_init(&s->tracks);
	list_init(&s->periods);
	return s;
}

void segment_track_free(struct segment_track *t) {
	segment_track_drop(t, 0, t->count);
	list_remove(&t->node);
	free(t->items);
	free(t);
}

void segment_store_free(struct segment_store **s) {
	if (!*s)
		return;
	list_each (node, &(*s)->tracks)
		segment_track_free(list_entry(node, struct segment_track, node));
	tracks_unref(&(*s)->revision);
	free(*s);
	*s = NULL;
}

/* --- tracks --- */

const struct segment_track *segment_store_track(const struct segment_store *s, const char *name) {
	list_each (node, &s->tracks) {
		const struct segment_track *t = list_entry(node, struct segment_track, node);
		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

const struct segment_track *segment_store_next(const struct segment_store *s, const struct segment_track *after) {
	const struct list *node = after ? after->node.next : s->tracks.next;
	return node == &s->tracks ? NULL : list_entry(node, struct segment_track, node);
}

struct segment_track *segment_store_add_track(struct segment_store *s, const struct track *t) {
	struct segment_track *there = (struct segment_track *)segment_store_track(s, t->name);
	if (there)
		return there;
	struct segment_track *made = calloc(1, sizeof *made);
	if (!made)
		return NULL;
	snprintf(made->name, sizeof made->name, "%s", t->name);
	snprintf(made->rendition, sizeof made->rendition, "%s", t->rendition);
	made->kind = t->kind;
	made->id = t->id;
	made->store = s;
	list_append(&s->tracks, &made->node);
	return made;
}

bool segment_track_current(const struct segment_track *t) {
	for (size_t i = 0; t->store->revision && i < t->store->revision->count; i++)
		if (strcmp(t->store->revision->items[i].name, t->name) == 0)
			return true;
	return false;
}

/* --- segments of a track --- */

size_t segment_track_at(const struct segment_track *t, uint64_t number) {
	size_t from = 0, to = t->count;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (t->items[middle]->number < number)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static void segment_free(struct segment *s) {
	segment_empty(s);
	s->track->store->segments--;
	segment_period_put(&s->period);
	tracks_unref(&s->tracks);
	bytes_unref(&s->init);
	free(s->parts);
	free(s->samples);
	free(s);
}

void segment_track_drop(struct segment_track *t, size_t from, size_t to) {
	for (size_t i = from; i < to; i++)
		segment_free(t->items[i]);
	memmove(t->items + from, t->items + to, (t->count - to) * sizeof *t->items);
	t->count -= to - from;
}

static int insert(struct segment_track *t, size_t at, struct segment *s) {
	if (t->count == t->capacity) {
		size_t wanted = t->capacity ? t->capacity * 2 : 16;
		struct segment **more = realloc(t->items, wanted * sizeof *more);
		if (!more)
			return UV_ENOMEM;
		t->items = more;
		t->capacity = wanted;
	}
	memmove(t->items + at + 1, t->items + at, (t->count - at) * sizeof *t->items);
	t->items[at] = s;
	t->count++;
	t->store->segments++;
	return 0;
}

int64_t segment_track_length_us(const struct segment_track *t, size_t at) {
	if (at > 0 && t->items[at - 1]->state == SEGMENT_COMPLETE)
		return segment_length_us(t->items[at - 1]);
	return (int64_t)segment_store_target_ms(t->store) * 1000;
}

/* Fills in what the mark says. */
static int begin(struct segment *s, const struct segment_begin *b) {
	struct segment_period *period = segment_period_get(s->track->store, b);
	if (!period)
		return UV_ENOMEM;
	s->epoch = b->epoch;
	s->number = b->mark->number;
	s->state = SEGMENT_OPEN;
	s->discontinuity = b->mark->discontinuity;
	s->period = period;
	s->tracks = tracks_ref(b->mark->tracks);
	s->info = b->track;
	s->start_us = ticks_to_us(b->mark->start, b->mark->timescale);
	s->start = s->first_dts = us_to_ticks(s->start_us, b->track->timescale);
	s->init = b->init ? bytes_ref(b->init) : NULL;
	s->init_id = b->init_id;
	return 0;
}

/* Where frames last turned to gaps or back: there DASH, which counts numbers from a period's first, begins another. */
void segment_note_run(struct segment *s, const struct segment *before, bool is_gap) {
	bool connected = before && before->number + 1 == s->number && before->period == s->period;
	bool was_gap = before && before->state == SEGMENT_GAP;
	s->run_number = connected ? before->run_number : 0;
	s->run_us = connected ? before->run_us : 0;
	/* Nothing but gaps since the period began is no turn, and nothing follows a gap that an epoch ends with: a period
	 * of the few frames that other tracks have there would hold players up. */
	bool at_edge = was_gap ? !before->run_number : s->flags & SEGMENT_LAST;
	if (connected && was_gap != is_gap && !at_edge) {
		s->run_number = s->number;
		s->run_us = s->start_us;
	}
}

static int insert_new(struct segment_track *t, size_t at, const struct segment_begin *b, struct segment **out) {
	struct segment *s = calloc(1, sizeof *s);
	if (!s)
		return UV_ENOMEM;
	s->track = t;
	int err = begin(s, b);
	if (!err && (err = insert(t, at, s))) {
		segment_period_put(&s->period);
		tracks_unref(&s->tracks);
		bytes_unref(&s->init);
	}
	if (err) {
		free(s);
		return err;
	}
	s->end_us = s->start_us + segment_track_length_us(t, at);
	segment_note_run(s, at ? t->items[at - 1] : NULL, false);
	*out = s;
	return 0;
}

/* Numbers never go back: an older epoch's segments with this number or a higher one have been seen by viewers. */
static bool passed_by_older(const struct segment_track *t, size_t at, uint64_t epoch) {
	return at < t->count && t->items[at]->epoch < epoch;
}

int segment_store_open(struct segment_store *s, const struct segment_begin *b, struct segment **out) {
	struct segment_track *t = segment_store_add_track(s, b->track);
	if (!t)
		return UV_ENOMEM;
	size_t at = segment_track_at(t, b->mark->number);
	bool is_here = at < t->count && t->items[at]->number == b->mark->number;
	return is_here || passed_by_older(t, at, b->epoch) ? UV_EEXIST : insert_new(t, at, b, out);
}

/* --- gaps --- */

static int insert_gap(struct segment_track *t, const struct segment_begin *b, uint64_t number, int64_t start_us,
                      int64_t end_us) {
	size_t at = segment_track_at(t, number);
	if (at < t->count && t->items[at]->number == number)
		return 0;
	struct mark mark = *b->mark;
	mark.number = number;
	mark.start = us_to_ticks(start_us, mark.timescale);
	struct segment_begin gap = {.epoch = b->epoch, .mark = &mark, .track = b->track};
	struct segment *s;
	int err = insert_new(t, at, &gap, &s);
	if (err)
		return err;
	s->start_us = start_us; /* ticks round */
	segment_close(s, end_us);
	return 0;
}

int segment_store_skip(struct segment_store *s, const struct segment_begin *b, uint64_t first, uint64_t last,
                       int64_t start_us, int64_t end_us) {
	struct segment_track *t = segment_store_add_track(s, b->track);
	if (!t)
		return UV_ENOMEM;
	size_t next = segment_track_at(t, last + 1);
	if (!next || passed_by_older(t, next, b->epoch))
		return 0; /* nothing precedes the gap, or it is no gap */
	const struct segment *before = t->items[next - 1];
	if (first <= before->number)
		first = before->number + 1;
	/* More than a playlist has: it begins again at the last of them. */
	if (last - first >= s->window && first <= last)
		first = t->floor = last - s->window + 1;
	int64_t count = (int64_t)(last - first + 1), limit_us = (int64_t)segment_store_target_ms(s) * 1000;
	int64_t share_us = count && end_us > start_us ? (end_us - start_us) / count : 0;
	if (share_us > limit_us)
		share_us = limit_us;
	int err = 0;
	for (int64_t i = 0; i < count && !err; i++)
		err =
		    insert_gap(t, b, first + (uint64_t)i, end_us - (count - i) * share_us, end_us - (count - i - 1) * share_us);
	return err;
}

/* --- for the whole stream --- */

void segment_store_note_tracks(struct segment_store *s, struct tracks *t) {
	if (s->revision &&
	    (s->revision->run > t->run || (s->revision->run == t->run && s->revision->revision >= t->revision)))
		return;
	tracks_unref(&s->revision);
	s->revision = tracks_ref(t);
}

const struct tracks *segment_store_tracks(const struct segment_store *s) {
	return s->revision;
}

uint32_t segment_store_target_ms(const struct segment_store *s) {
	return s->revision && s->revision->target_ms ? s->revision->target_ms : USUAL_TARGET_MS;
}

uint32_t segment_store_target(const struct segment_store *s) {
	const struct tracks *t = segment_store_tracks(s);
	if (t && t->target_ms)
		return (t->target_ms + 999) / 1000;
	if (!segment_store_ended(s))
		return 0;
	/* A run so short that nobody had to fix it. */
	int64_t longest_us = 1000000;
	for (const struct segment_track *k = NULL; (k = segment_store_next(s, k));)
		for (size_t i = 0; i < k->count; i++)
			if (segment_length_us(k->items[i]) > longest_us)
				longest_us = segment_length_us(k->items[i]);
	return (uint32_t)((longest_us + 500000) / 1000000);
}

void segment_store_end(struct segment_store *s) {
	s->ended = true;
}

bool segment_store_ended(const struct segment_store *s) {
	return s->ended;
}

struct segment_usage segment_store_usage(const struct segment_store *s) {
	return (struct segment_usage){.bytes = s->bytes, .segments = s->segments};
}
