#include "common/package/packager_parts.h"

#include "common/mux/cmaf.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static void note_error(struct packager *p, int err) {
	if (err && !p->error)
		p->error = err;
}

/* --- holding --- */

int lane_hold(struct package_lane *l, struct entry *frame) {
	if (l->held_count == l->held_capacity) {
		size_t wanted = l->held_capacity ? l->held_capacity * 2 : 16;
		struct entry **more = malloc(wanted * sizeof(struct entry *));
		if (!more)
			return UV_ENOMEM;
		for (size_t i = 0; i < l->held_count; i++)
			more[i] = l->held[(l->held_first + i) % l->held_capacity];
		free(l->held);
		l->held = more;
		l->held_first = 0;
		l->held_capacity = wanted;
	}
	l->held[(l->held_first + l->held_count++) % l->held_capacity] = entry_ref(frame);
	return 0;
}

static struct entry *take_held(struct package_lane *l) {
	struct entry *e = l->held[l->held_first];
	l->held_first = (l->held_first + 1) % l->held_capacity;
	l->held_count--;
	return e;
}

static void drop_held(struct package_lane *l) {
	while (l->held_count) {
		struct entry *e = take_held(l);
		entry_unref(&e);
	}
}

static uint32_t timescale_of(const struct packager *p, uint32_t track) {
	const struct track *t = p->newest ? tracks_find(packager_mark(p, p->newest)->tracks, track) : NULL;
	return t ? t->timescale : 0;
}

void lane_release(struct packager *p, struct package_lane *l, bool all) {
	uint32_t timescale = timescale_of(p, l->track);
	if (!timescale) /* the track is gone, and these lie behind the mark where it went */
		drop_held(l);
	while (l->held_count) {
		struct instant head = {.ticks = l->held[l->held_first]->frame.pts, .timescale = timescale};
		bool passed = p->passed.timescale && instant_before(head, p->passed);
		if (!all && !passed && l->held_count < HELD_MAX)
			return;
		struct entry *e = take_held(l);
		lane_place(p, l, e);
		entry_unref(&e);
	}
}

/* --- parts --- */

static bool exceeds(int64_t ticks, const struct track *t, uint32_t percent) {
	return (__int128)ticks * 1000 * 100 > (__int128)t->part_target_ms * t->timescale * percent;
}

/* Whether playlists may list the part that was added last, by the rule of part_rule.h. */
static void judge_part(struct packager *p, struct segment *s, int64_t ticks, bool last) {
	const struct track *t = s->info;
	if (s->flags & SEGMENT_NO_PARTS)
		return;
	bool is_short = !last && !exceeds(ticks, t, PART_LEAST_PERCENT) &&
	                (__int128)ticks * 1000 * 100 != (__int128)t->part_target_ms * t->timescale * PART_LEAST_PERCENT;
	if (t->part_frames && !exceeds(ticks, t, 100) && !is_short) {
		s->listed = s->part_count;
		return;
	}
	s->flags |= SEGMENT_NO_PARTS;
	if (t->part_frames)
		p->irregular++;
}

static int write_runs(const struct cmaf_chunk *c, struct runs **out) {
	struct bytes *head = NULL;
	struct conn_slice *slices = malloc((c->count + 1) * sizeof *slices);
	int err = slices ? cmaf_chunk_head(c, &head) : UV_ENOMEM;
	if (!err) {
		slices[0] = (struct conn_slice){.data = head->data, .size = head->size, .owner = head};
		for (size_t i = 0; i < c->count; i++) {
			const struct frame *f = c->samples[i].frame;
			slices[i + 1] = (struct conn_slice){.data = f->payload.data, .size = f->payload.size, .owner = f->block};
		}
		*out = runs_new(slices, c->count + 1);
		err = *out ? 0 : UV_ENOMEM;
	}
	bytes_unref(&head);
	free(slices);
	return err;
}

static int write_part(const struct segment *s, uint32_t from, struct segment_part *part) {
	size_t count = s->sample_count - from;
	struct cmaf_sample *samples = malloc(count * sizeof *samples);
	if (!samples)
		return UV_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct segment_sample *sample = &s->samples[from + i];
		const struct frame *f = &sample->entry->frame;
		samples[i] = (struct cmaf_sample){.frame = f, .duration = sample->duration};
		part->independent |= f->kind == TRACK_AUDIO || f->flags & FRAME_KEY;
	}
	struct cmaf_chunk chunk = {.track = s->info,
	                           .number = s->number,
	                           .part = s->part_count,
	                           .first = s->part_count == 0,
	                           .prft = true,
	                           .anchor = s->period->anchor,
	                           .samples = samples,
	                           .count = count};
	int err = write_runs(&chunk, &part->runs);
	free(samples);
	return err;
}

static int cut_part(struct packager *p, struct package_lane *l, bool last) {
	struct segment *s = l->open;
	if (l->part_from == s->sample_count || (!last && s->part_count == PARTS_MAX - 1))
		return 0;
	struct segment_part part = {.dts = s->samples[l->part_from].entry->frame.dts,
	                            .duration = l->part_ticks < UINT32_MAX ? (uint32_t)l->part_ticks : UINT32_MAX,
	                            .frames = s->sample_count - l->part_from};
	int err = write_part(s, l->part_from, &part);
	err = err ? err : segment_add_part(s, &part);
	if (err)
		return err;
	judge_part(p, s, l->part_ticks, last);
	l->part_from = s->sample_count;
	l->part_ticks = 0;
	if (p->ops->on_part)
		p->ops->on_part(p->context, s, s->part_count - 1);
	return 0;
}

/* --- segments --- */

static void drop_last(struct package_lane *l) {
	entry_unref(&l->last);
	l->last_step = 0;
}

static void spoil(struct package_lane *l) {
	if (l->open)
		segment_spoil(l->open);
	l->open = NULL;
	drop_last(l);
}

/* The newest frame lasts `ticks`; `last` when a mark or the end follows it. */
static void settle(struct packager *p, struct package_lane *l, int64_t ticks, bool last) {
	struct segment *s = l->open;
	uint32_t frames = s->info->part_frames;
	uint32_t duration = ticks < 1 ? 1 : ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
	int err = 0;
	if (frames && exceeds(l->part_ticks + duration, s->info, 100))
		err = cut_part(p, l, false);
	err = err ? err : segment_add_sample(s, l->last, duration);
	l->part_ticks += duration;
	if (!err && (last || (frames && s->sample_count - l->part_from >= frames)))
		err = cut_part(p, l, last);
	if (err) {
		note_error(p, err);
		spoil(l);
		return;
	}
	drop_last(l);
	l->last_step = duration;
}

void lane_close(struct packager *p, struct package_lane *l, int64_t end_us) {
	struct segment *s = l->open;
	if (!s)
		return;
	l->open = NULL;
	segment_close(s, end_us);
	if (p->ops->on_segment)
		p->ops->on_segment(p->context, s);
}

/* The initialisation for the track as the mark's revision has it; NULL: it cannot be packaged. */
static struct bytes *find_init(struct packager *p, struct package_lane *l, struct tracks *tracks,
                               const struct track *t) {
	if (l->init_of == tracks)
		return l->init;
	struct bytes *made = NULL;
	int err = cmaf_init_write(t, &made);
	if (err == UV_ENOMEM) {
		note_error(p, err);
		return NULL;
	}
	/* A revision may have changed something else, or be told of again. */
	const struct track *before = l->init_of ? tracks_find(l->init_of, l->track) : NULL;
	bool told = before && !l->init && track_same_config(before, t);
	if (err && !told && p->ops->on_unsupported)
		p->ops->on_unsupported(p->context, t, err);
	if (made && bytes_same(made, l->init)) {
		bytes_unref(&made);
	} else {
		bytes_unref(&l->init);
		l->init = made;
		l->init_id = made ? segment_init_id(bytes_slice(made)) : 0;
	}
	tracks_unref(&l->init_of);
	l->init_of = tracks_ref(tracks);
	return l->init;
}

/* Whether nothing of the segment that begins at that mark can have gone by unseen. */
static bool beginning_seen(const struct packager *p, const struct package_lane *l, uint64_t index) {
	return index > p->run_base || p->marks[index % MARKS_KEPT].first || l->seen || l->track == p->key_track;
}

static void open_segment(struct packager *p, struct package_lane *l, uint64_t index) {
	const struct mark *m = packager_mark(p, index);
	const struct track *t = tracks_find(m->tracks, l->track);
	if (!t || strcmp(t->rendition, p->rendition) != 0 || !beginning_seen(p, l, index))
		return;
	struct bytes *init = find_init(p, l, m->tracks, t);
	if (!init)
		return;
	uint64_t epoch = p->marks[index % MARKS_KEPT].entry->epoch; /* ours may have gone on into another already */
	struct segment_begin b = {.epoch = epoch, .mark = m, .track = t, .init = init, .init_id = l->init_id};
	int err = segment_store_open(p->store, &b, &l->open);
	if (err && err != UV_EEXIST)
		note_error(p, err);
	l->part_from = 0;
	l->part_ticks = 0;
}

void lane_advance(struct packager *p, struct package_lane *l) {
	const struct mark *m = packager_mark(p, l->at + 1);
	lane_close(p, l, ticks_to_us(m->start, m->timescale));
	l->at++;
	open_segment(p, l, l->at);
}

/* --- frames --- */

/* How long a frame lasts when none of its segment or the next tells: as long as the one before it, else as usual. */
static int64_t usual_ticks(const struct package_lane *l) {
	const struct track *t = l->open->info;
	if (l->last_step)
		return l->last_step;
	if (t->frame_ticks)
		return t->frame_ticks;
	return t->kind == TRACK_AUDIO ? 1024 : t->timescale / 30;
}

/* How many marks the frame lies behind that the lane has not passed. */
static uint64_t count_crossed(const struct packager *p, const struct package_lane *l, const struct entry *frame) {
	uint64_t n = 0;
	uint32_t timescale = timescale_of(p, l->track);
	while (timescale && l->at + n < p->newest) {
		const struct mark *m = packager_mark(p, l->at + n + 1);
		if (instant_before((struct instant){frame->frame.pts, timescale}, (struct instant){m->start, m->timescale}))
			break;
		n++;
	}
	return n;
}

void lane_place(struct packager *p, struct package_lane *l, struct entry *frame) {
	uint64_t crossed = count_crossed(p, l, frame);
	if (l->at + crossed < l->changed)
		return; /* sound that lags: the segment of its time has another configuration */
	if (l->last && frame->frame.dts <= l->last->frame.dts)
		return; /* no owner makes such a one */
	if (l->last)
		settle(p, l, crossed > 1 ? usual_ticks(l) : frame->frame.dts - l->last->frame.dts, crossed > 0);
	if (crossed)
		l->last_step = 0;
	for (; crossed; crossed--)
		lane_advance(p, l);
	l->seen = true;
	if (!l->open)
		return;
	if (!l->open->begun)
		segment_begins(l->open, &frame->frame);
	l->last = entry_ref(frame);
}

void lane_catch_up(struct packager *p, struct package_lane *l, uint64_t index) {
	if (l->at + 1 >= index)
		return;
	if (l->last)
		settle(p, l, usual_ticks(l), true);
	l->last_step = 0;
	while (l->at + 1 < index)
		lane_advance(p, l);
}

void lane_settle_last(struct packager *p, struct package_lane *l, bool known, int64_t end) {
	if (!l->last)
		return;
	int64_t ticks;
	if (!known || __builtin_sub_overflow(end, l->last->frame.dts, &ticks) || ticks <= 0)
		ticks = usual_ticks(l);
	settle(p, l, ticks, true);
	l->last_step = 0;
}

void lane_break(struct packager *p, struct package_lane *l) {
	spoil(l);
	drop_held(l);
	l->at = p->newest;
	l->seen = false;
}

void lane_fini(struct package_lane *l) {
	spoil(l);
	drop_held(l);
	free(l->held);
	bytes_unref(&l->init);
	tracks_unref(&l->init_of);
}
