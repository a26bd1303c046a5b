#include "common/package/packager_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct packager *packager_new(struct segment_store *store, const char *rendition, const struct packager_ops *ops,
                              void *context) {
	struct packager *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->store = store;
	p->ops = ops;
	p->context = context;
	p->run_base = 1;
	snprintf(p->rendition, sizeof p->rendition, "%s", rendition);
	return p;
}

void packager_free(struct packager **p) {
	if (!*p)
		return;
	for (size_t i = 0; i < (*p)->lane_count; i++)
		lane_fini(&(*p)->lanes[i]);
	for (size_t i = 0; i < MARKS_KEPT; i++)
		entry_unref(&(*p)->marks[i].entry);
	free(*p);
	*p = NULL;
}

void packager_position(const struct packager *p, uint64_t *epoch, uint64_t *sequence) {
	*epoch = p->epoch;
	*sequence = p->sequence;
}

uint64_t packager_irregular(const struct packager *p) {
	return p->irregular;
}

static struct package_lane *find_lane(struct packager *p, uint32_t track) {
	for (size_t i = 0; i < p->lane_count; i++)
		if (p->lanes[i].track == track)
			return &p->lanes[i];
	return NULL;
}

static void pass(struct packager *p, struct instant to) {
	if (to.timescale && (!p->passed.timescale || instant_before(p->passed, to)))
		p->passed = to;
	for (size_t i = 0; i < p->lane_count; i++)
		lane_release(p, &p->lanes[i], false);
}

/* --- an epoch's end --- */

static const struct track_end *find_end(const struct end *end, uint32_t track) {
	for (size_t i = 0; end && i < end->count; i++)
		if (end->tracks[i].track == track)
			return &end->tracks[i];
	return NULL;
}

/* Where the newest mark's segment ends: with the key track's last frame, else with the longest track. False: no track
 * has a frame there. */
static bool final_end(const struct packager *p, int64_t *end_us) {
	bool found = false;
	for (size_t i = 0; i < p->lane_count; i++) {
		const struct package_lane *l = &p->lanes[i];
		if (l->at != p->newest || !l->open || !l->open->sample_count)
			continue;
		int64_t us = ticks_to_us(l->open->start + l->open->duration, l->open->info->timescale);
		if (!found || us > *end_us || l->track == p->key_track)
			*end_us = us;
		found = true;
		if (l->track == p->key_track)
			break;
	}
	return found;
}

static void finish_epoch(struct packager *p, const struct end *end, uint32_t flags) {
	int64_t end_us = 0;
	if (!p->newest)
		return;
	for (size_t i = 0; i < p->lane_count; i++) {
		struct package_lane *l = &p->lanes[i];
		const struct track_end *its = find_end(end, l->track);
		lane_release(p, l, true);
		if (l->open)
			l->open->flags |= flags; /* before its last part is told of */
		lane_settle_last(p, l, its, its ? its->end : 0);
	}
	bool newest_has_frames = final_end(p, &end_us);
	const struct mark *m = packager_mark(p, p->newest);
	for (size_t i = 0; i < p->lane_count; i++) {
		struct package_lane *l = &p->lanes[i];
		while (newest_has_frames && l->at < p->newest)
			lane_advance(p, l);
		if (l->open)
			l->open->flags |= flags | SEGMENT_LAST;
		lane_close(p, l, newest_has_frames ? end_us : ticks_to_us(m->start, m->timescale));
		l->at = p->newest;
	}
}

void packager_cut(struct packager *p) {
	finish_epoch(p, NULL, SEGMENT_TENTATIVE);
}

void packager_hole(struct packager *p) {
	for (size_t i = 0; i < p->lane_count; i++)
		lane_break(p, &p->lanes[i]);
	p->run_base = p->newest + 1;
}

/* --- entries --- */

/* Lanes for the revision's tracks, and none for those that are gone and done with. */
static void update_lanes(struct packager *p, const struct tracks *tracks) {
	const struct track *key = tracks_key(tracks, p->rendition);
	p->key_track = key ? key->id : 0;
	for (size_t i = 0; i < p->lane_count;) {
		struct package_lane *l = &p->lanes[i];
		if (tracks_find(tracks, l->track) || l->open || l->held_count) {
			i++;
			continue;
		}
		lane_fini(l);
		*l = p->lanes[--p->lane_count];
	}
	for (size_t i = 0; i < tracks->count; i++) {
		const struct track *t = &tracks->items[i];
		bool is_media = t->kind == TRACK_VIDEO || t->kind == TRACK_AUDIO;
		if (is_media && strcmp(t->rendition, p->rendition) == 0 && !find_lane(p, t->id) && p->lane_count < TRACKS_MAX)
			p->lanes[p->lane_count++] = (struct package_lane){.track = t->id, .at = p->newest};
	}
}

/* Numbers were left out by the owner, not lost on the way. */
static void skip_numbers(struct packager *p, const struct mark *m, bool is_break) {
	uint64_t first = is_break ? 0 : p->number + 1;
	for (size_t i = 0; i < m->tracks->count; i++) {
		const struct track *t = &m->tracks->items[i];
		const struct segment_track *there = segment_store_track(p->store, t->name);
		if (!there || !there->count || strcmp(t->rendition, p->rendition) != 0)
			continue;
		const struct segment *before = there->items[there->count - 1];
		int64_t end_us = ticks_to_us(m->start, m->timescale);
		struct segment_begin b = {.epoch = p->epoch, .mark = m, .track = t};
		int err = segment_store_skip(p->store, &b, first, m->number - 1,
		                             before->state == SEGMENT_OPEN ? end_us : before->end_us, end_us);
		p->error = p->error ? p->error : err;
	}
}

/* What was said of the track no longer holds behind that mark. */
static bool is_changed(const struct track *before, const struct track *now) {
	return before && now && (before->timescale != now->timescale || !track_same_config(before, now));
}

/* Frames that were read by the revision before the mark stay before it, whatever their time: their ticks and their
 * configuration are that one's. */
static void leave_changed(struct packager *p, const struct tracks *now) {
	const struct tracks *before = p->newest ? packager_mark(p, p->newest)->tracks : NULL;
	for (size_t i = 0; before && i < p->lane_count; i++) {
		struct package_lane *l = &p->lanes[i];
		const struct track *t = tracks_find(before, l->track), *then = tracks_find(now, l->track);
		if (!is_changed(t, then))
			continue;
		lane_release(p, l, true);
		if (t->timescale != then->timescale || l->track != p->key_track)
			lane_settle_last(p, l, false, 0);
		l->changed = p->newest + 1;
	}
}

static void push_mark(struct packager *p, struct entry *e, bool is_break) {
	const struct mark *m = &e->mark;
	bool whole = p->newest && p->run_base <= p->newest;
	pass(p, (struct instant){m->start, m->timescale});
	for (size_t i = 0; i < p->lane_count; i++)
		lane_catch_up(p, &p->lanes[i], p->newest + 1);
	leave_changed(p, m->tracks);
	segment_store_note_tracks(p->store, m->tracks);
	update_lanes(p, m->tracks);
	if (whole && m->number > p->number + 1)
		skip_numbers(p, m, is_break);
	struct mark_seen *slot = &p->marks[++p->newest % MARKS_KEPT];
	entry_unref(&slot->entry);
	*slot = (struct mark_seen){.entry = entry_ref(e), .first = e->sequence == 1};
	p->number = m->number;
}

static void push_frame(struct packager *p, struct entry *e) {
	struct package_lane *l = find_lane(p, e->frame.track);
	if (!l)
		return;
	if (l->track == p->key_track && !l->held_count) {
		const struct track *t = tracks_find(packager_mark(p, p->newest)->tracks, l->track);
		lane_place(p, l, e);
		pass(p, (struct instant){e->frame.dts, t ? t->timescale : 0});
		return;
	}
	if (lane_hold(l, e)) {
		lane_break(p, l);
		p->error = UV_ENOMEM;
	}
	lane_release(p, l, l->track == p->key_track);
}

static void push_end(struct packager *p, const struct end *end) {
	finish_epoch(p, end, 0);
	segment_store_end(p->store);
	p->ended = true;
	if (p->ops->on_end)
		p->ops->on_end(p->context, end->reason);
}

/* Other nodes' numbers are theirs: what no clock can have meant is left out, before anything overflows. */
static bool time_sane(int64_t ticks, uint32_t timescale) {
	enum { YEARS_OF_SECONDS_BITS = 35 };
	__int128 limit = (__int128)timescale << YEARS_OF_SECONDS_BITS;
	return timescale && ticks < limit && ticks > -limit && ticks < INT64_MAX / 4 && ticks > INT64_MIN / 4;
}

static bool entry_sane(const struct packager *p, const struct entry *e) {
	const struct mark *m = &e->mark;
	switch (e->kind) {
	case ENTRY_FRAME: {
		const struct track *t = p->newest ? tracks_find(packager_mark(p, p->newest)->tracks, e->frame.track) : NULL;
		return !t || (time_sane(e->frame.dts, t->timescale) && time_sane(e->frame.pts, t->timescale));
	}
	case ENTRY_MARK:
		return time_sane(m->start, m->timescale) && m->number && m->number < INT64_MAX &&
		       time_sane(m->anchor.media_us, 1000000) && time_sane(m->anchor.wall_us, 1000000) &&
		       time_sane(m->period_us, 1000000) && m->period_us <= ticks_to_us(m->start, m->timescale);
	case ENTRY_PROGRESS:
		return time_sane(e->progress.time_us, 1000000);
	case ENTRY_END:
		break;
	}
	return true;
}

/* The mark of a new epoch that goes on where ours ends. */
static bool goes_on(const struct packager *p, const struct entry *e) {
	return e->kind == ENTRY_MARK && p->epoch && e->sequence == 1 && e->mark.after_epoch == p->epoch &&
	       e->mark.after_sequence == p->sequence;
}

/* The entry's place in the order; false: it is none of ours. */
static bool follow(struct packager *p, const struct entry *e) {
	if (p->ended || e->epoch < p->epoch || (e->epoch == p->epoch && e->sequence <= p->sequence))
		return false;
	bool is_new_epoch = e->epoch != p->epoch;
	uint64_t expected = is_new_epoch ? 1 : p->sequence + 1;
	if (is_new_epoch && p->epoch && !goes_on(p, e)) {
		finish_epoch(p, NULL, SEGMENT_TENTATIVE);
		p->passed = (struct instant){0};
	}
	if (e->sequence != expected && p->epoch)
		packager_hole(p);
	p->epoch = e->epoch;
	p->sequence = e->sequence;
	if (is_new_epoch && p->ops->on_epoch)
		p->ops->on_epoch(p->context, e->epoch);
	return true;
}

int packager_push(struct packager *p, const struct entry *entry) {
	struct entry *e = (struct entry *)entry; /* counted: a reference changes nothing of it */
	bool is_break = e->epoch != p->epoch && !goes_on(p, e);
	if (!follow(p, e) || !entry_sane(p, e))
		return 0;
	p->error = 0;
	switch (e->kind) {
	case ENTRY_MARK:
		push_mark(p, e, is_break);
		break;
	case ENTRY_FRAME:
		if (p->newest)
			push_frame(p, e);
		break;
	case ENTRY_PROGRESS:
		pass(p, (struct instant){e->progress.time_us, 1000000});
		break;
	case ENTRY_END:
		push_end(p, &e->end);
		break;
	}
	return p->error;
}
