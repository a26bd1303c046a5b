#include "common/stream/timeline_parts.h"

#include "common/base/metrics.h"

#include <stdlib.h>

enum {
	DRIFT_US = 200000,
	START_TOGETHER_US = 10000000, /* a track that begins further from the others than this has a clock of its own */
	DATA_TOGETHER_US = 1000000,
};

/* --- the encoder's clock --- */

void timeline_lag_reset(struct timeline *t) {
	t->lag = (struct timeline_lag){.now_us = INT64_MAX};
	for (size_t i = 0; i < LAGS_MAX; i++)
		t->lag.before_us[i] = INT64_MAX;
}

/* The first frame of an epoch decides how its encoder's time lies in media time: at the clock, or behind what the run
 * has already. A whole number of milliseconds keeps RTMP's timestamps as the encoder made them. */
void timeline_clock_begin(struct timeline *t, uint32_t ms, int64_t wall_us) {
	struct timeline_run *run = t->run;
	int64_t start = wall_us > run->highest_us ? wall_us : run->highest_us;
	if (start <= run->start_us) /* no frame came after the newest mark */
		start = run->start_us + 1;
	start = (start + 999) / 1000 * 1000;
	t->clock = (struct timeline_clock){.begun = true,
	                                   .offset_us = start - (int64_t)ms * 1000,
	                                   .floor_us = start,
	                                   .last_ms = ms,
	                                   .raw_us = (int64_t)ms * 1000};
	timeline_lag_reset(t);
	if (!run->base_us)
		run->base_us = start;
	if (!run->anchor.revision)
		run->anchor = (struct anchor){.revision = 1, .media_us = start, .wall_us = wall_us};
}

static int64_t unwrap(const struct timeline_clock *c, uint32_t ms) {
	return c->raw_us + lane_step_ms(c->last_ms, ms) * 1000;
}

/* Data has no clock of its own, and often a timestamp of zero, or one from before a wrap. */
int64_t timeline_clock_us(const struct timeline *t, uint32_t ms) {
	int64_t us = unwrap(&t->clock, ms) + t->clock.offset_us;
	return llabs(us - t->run->highest_us) > DATA_TOGETHER_US ? t->run->highest_us : us;
}

/* Only steps count, so media time does not notice. */
void timeline_rebase(struct timeline *t, uint32_t apart_ms) {
	t->clock.last_ms += apart_ms;
	for (size_t i = 0; i < t->lane_count; i++)
		t->lanes[i].lane.last_ms += apart_ms;
}

/* --- frames --- */

static void note_jump(struct timeline *t, struct timeline_lane *l, const struct lane_time *time) {
	t->counts.splices++;
	metric_inc(M_SPLICES);
	t->last_spliced = l;
	t->clock.offset_us = l->lane.offset_us;
	timeline_lag_reset(t);
	/* A track that follows another's jump is told of by that one's mark. */
	t->discontinuity |= llabs(time->jump_us) > LANE_JUMP_US && !time->joined;
	t->must_cut |= t->discontinuity;
	timeline_warn(t, WARN_SPLICED, "the encoder's timestamps jumped; the jump was spliced");
}

static void note_repairs(struct timeline *t, const struct lane_time *time) {
	if (time->moved) {
		t->counts.moved++;
		timeline_warn(t, WARN_MOVED, "timestamps stood still, stepped back, or came after others had passed them");
	}
	if (time->regridded) {
		t->counts.regridded++;
		timeline_warn(t, WARN_REGRIDDED, "the audio's timestamps do not fit to its samples: it has gaps, or jumps");
	}
	t->counts.nudged += time->nudged;
}

/* A track that begins keeps its distance to the others, as the encoder states it; unless that cannot be true. */
static void start_lane(const struct timeline *t, struct lane *l, uint32_t ms) {
	int64_t raw = unwrap(&t->clock, ms), offset = t->clock.offset_us;
	int64_t known = t->run->highest_us > t->clock.floor_us ? t->run->highest_us : t->clock.floor_us;
	if (llabs(raw + offset - known) > START_TOGETHER_US)
		offset = known - raw;
	lane_start(l, raw, offset);
}

static struct lane_others others_of(const struct timeline *t) {
	struct lane_others others = {.spliced = t->last_spliced ? &t->last_spliced->lane : NULL, .end_us = INT64_MIN};
	for (size_t i = 0; i < t->lane_count; i++) {
		const struct lane *l = &t->lanes[i].lane;
		int64_t end_us = l->begun ? lane_end_us(l) : INT64_MIN;
		others.end_us = end_us > others.end_us ? end_us : others.end_us;
	}
	return others;
}

struct lane_time timeline_time(struct timeline *t, struct timeline_lane *l, const struct sample *s, int64_t wall_us,
                               int64_t least_us) {
	if (!t->clock.begun)
		timeline_clock_begin(t, s->timestamp_ms, wall_us);
	if (!l->lane.begun)
		start_lane(t, &l->lane, s->timestamp_ms);
	struct lane_others others = others_of(t);
	int64_t least = least_us > t->clock.floor_us ? least_us : t->clock.floor_us;
	struct lane_time time = lane_next(&l->lane, s->timestamp_ms, s->nano_offset, wall_us, &others, least);
	t->clock.last_ms = s->timestamp_ms;
	t->clock.raw_us = l->lane.raw_us;
	if (time.jump_us)
		note_jump(t, l, &time);
	note_repairs(t, &time);
	timeline_note_step(l);
	return time;
}

int64_t timeline_time_ahead(const struct timeline *t, const struct timeline_lane *l, const struct sample *s) {
	struct lane copy = l->lane;
	struct lane_others nobody = {0};
	start_lane(t, &copy, s->timestamp_ms);
	return lane_next(&copy, s->timestamp_ms, s->nano_offset, 0, &nobody, t->clock.floor_us).dts;
}

/* --- against the wall --- */

void timeline_lag_note(struct timeline *t, int64_t us, int64_t wall_us) {
	if (wall_us - us < t->lag.now_us)
		t->lag.now_us = wall_us - us;
}

const struct anchor *timeline_anchor(struct timeline *t, int64_t us) {
	struct timeline_lag *lag = &t->lag;
	struct anchor *a = &t->run->anchor;
	int64_t least = lag->now_us;
	for (size_t i = 0; i < LAGS_MAX; i++)
		least = lag->before_us[i] < least ? lag->before_us[i] : least;
	if (lag->now_us != INT64_MAX)
		lag->before_us[lag->next++ % LAGS_MAX] = lag->now_us;
	lag->now_us = INT64_MAX;
	if (least == INT64_MAX || llabs(least - (a->wall_us - a->media_us)) <= DRIFT_US)
		return a;
	*a = (struct anchor){.revision = a->revision + 1, .media_us = us, .wall_us = us + least};
	t->counts.anchors++;
	if (lag->next > LAGS_MAX) /* before, one learns how late frames come */
		timeline_warn(t, WARN_DRIFT,
		              "the encoder's clock runs at another rate, or its media paused; programme time steps");
	return a;
}
