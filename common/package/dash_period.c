#include "common/package/dash_parts.h"

#include <stdlib.h>
#include <uv.h>

/* A track's listed segments, and how far the walk over all numbers has come. */
struct walk {
	const struct segment_track *track;
	size_t at, end;
};

struct walks {
	struct walk items[DASH_TRACKS];
	size_t count;
};

static bool is_listed(const struct segment *s, bool low_latency) {
	return s->state != SEGMENT_OPEN || (low_latency && s->begun);
}

static void begin_walks(struct walks *w, const struct segment_store *s, bool low_latency) {
	w->count = 0;
	for (const struct segment_track *t = NULL; (t = segment_store_next(s, t)) && w->count < DASH_TRACKS;) {
		struct segment_range r = segment_track_range(t);
		size_t end = r.first + r.count;
		if (r.count && !is_listed(t->items[end - 1], low_latency))
			end--;
		if (end > r.first)
			w->items[w->count++] = (struct walk){.track = t, .at = r.first, .end = end};
	}
}

/* The lowest number that is not passed yet; false: all are. */
static bool next_number(const struct walks *w, uint64_t *number) {
	bool found = false;
	for (size_t i = 0; i < w->count; i++) {
		const struct walk *k = &w->items[i];
		if (k->at < k->end && (!found || k->track->items[k->at]->number < *number)) {
			*number = k->track->items[k->at]->number;
			found = true;
		}
	}
	return found;
}

static const struct segment *segment_of(const struct walk *w, uint64_t number) {
	const struct segment *s = w->at < w->end ? w->track->items[w->at] : NULL;
	return s && s->number == number ? s : NULL;
}

static struct dash_period *add_period(struct dash_periods *p) {
	if (p->count == p->capacity) {
		size_t wanted = p->capacity ? p->capacity * 2 : 4;
		struct dash_period *more = realloc(p->items, wanted * sizeof *more);
		if (!more)
			return NULL;
		p->items = more;
		p->capacity = wanted;
	}
	return &p->items[p->count++];
}

static struct dash_run *run_of(struct dash_period *p, const struct walk *w) {
	for (size_t i = 0; i < p->run_count; i++)
		if (p->runs[i].track == w->track)
			return &p->runs[i];
	/* In the order of their ids, whichever came first: players know adaptation sets by their order. */
	size_t at = p->run_count++;
	for (; at && p->runs[at - 1].track->id > w->track->id; at--)
		p->runs[at] = p->runs[at - 1];
	p->runs[at] = (struct dash_run){.track = w->track, .first = w->at};
	return &p->runs[at];
}

/* All tracks' segments of the number go into the period; gaps are left out. */
static void add_number(struct dash_period *p, struct walks *w, uint64_t number) {
	for (size_t i = 0; i < w->count; i++) {
		const struct segment *s = segment_of(&w->items[i], number);
		if (!s)
			continue;
		if (s->state != SEGMENT_GAP) {
			if (!p->run_count)
				p->first_us = s->start_us;
			run_of(p, &w->items[i])->count++;
			if (s->end_us > p->end_us)
				p->end_us = s->end_us;
		}
		w->items[i].at++;
	}
}

/* The track's segment of the number or, when that has yet to come, the one before it. */
static const struct segment *latest_of(const struct walk *w, uint64_t number) {
	const struct segment *s = segment_of(w, number);
	return s || !w->at ? s : w->track->items[w->at - 1];
}

/* What period a number belongs to. */
static struct dash_period place_of(const struct walks *w, uint64_t number) {
	struct dash_period p = {0};
	for (size_t i = 0; i < w->count && !p.period; i++) {
		const struct segment *s = segment_of(&w->items[i], number);
		p.period = s ? s->period : NULL;
	}
	p.start_us = p.period->start_us;
	for (size_t i = 0; i < w->count; i++) {
		const struct segment *s = latest_of(&w->items[i], number);
		if (s && s->period == p.period && s->run_number > p.split) {
			p.split = s->run_number;
			p.start_us = s->run_us;
		}
	}
	return p;
}

int dash_periods_find(struct dash_periods *p, const struct segment_store *s, bool low_latency) {
	struct walks w;
	uint64_t number = 0;
	struct dash_period *present = NULL;
	*p = (struct dash_periods){0};
	begin_walks(&w, s, low_latency);
	while (next_number(&w, &number)) {
		struct dash_period place = place_of(&w, number);
		if (!present || present->period != place.period || present->split != place.split) {
			/* Nothing but gaps: there is no such period. */
			bool is_empty = present && !present->run_count;
			if (!is_empty && !(present = add_period(p)))
				return UV_ENOMEM;
			*present = place;
		}
		add_number(present, &w, number);
	}
	if (present && !present->run_count)
		p->count--;
	return 0;
}

void dash_periods_fini(struct dash_periods *p) {
	free(p->items);
	*p = (struct dash_periods){0};
}
