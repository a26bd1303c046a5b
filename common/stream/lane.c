#include "common/stream/lane.h"

#include "common/stream/entry.h"

#include <stdlib.h>

enum {
	FORWARD_JUMP_US = 10000000, /* a step forward of more, that did not take its time to arrive, is a jump, */
	FORWARD_MAX_US = 60000000,  /* and of more than this in any case */
	BACK_JUMP_US = 500000,      /* a step back of more is a jump; of less, disorder */
	WRAP_STEP_MS = 10000,       /* a step back that is one of less than this forward across a wrap */
	SPLICE_TOGETHER_US = 5000000,
	FAR_OFF_US = 10000,   /* one frame so far off its grid: frames are missing, or there is a new grid */
	OFF_GRID_US = 4000,   /* in the mean: a new grid */
	NUDGE_FROM_US = 1500, /* in the mean: the grid follows. More than rounding to milliseconds explains */
	DEFAULT_STEP_US = 33333,
};

void lane_init(struct lane *l, uint32_t timescale, uint32_t frame_ticks) {
	*l = (struct lane){.timescale = timescale, .frame_ticks = frame_ticks};
}

/* Never to before: another change, back again, must find it where it was, or its next frame would lie on the last. */
static int64_t in_other_ticks(int64_t ticks, uint32_t from, uint32_t to) {
	__int128 n = (__int128)ticks * to;
	return (int64_t)(n > 0 ? (n + from - 1) / from : n / from);
}

void lane_retime(struct lane *l, uint32_t timescale, uint32_t frame_ticks) {
	if (timescale != l->timescale) {
		l->last_dts = in_other_ticks(l->last_dts, l->timescale, timescale);
		l->last_step = l->step_before = 0;
	}
	if (frame_ticks != l->frame_ticks)
		l->off_grid_us16 = 0;
	l->timescale = timescale;
	l->frame_ticks = frame_ticks;
}

void lane_start(struct lane *l, int64_t raw_us, int64_t offset_us) {
	l->raw_us = raw_us;
	l->offset_us = offset_us;
}

int64_t lane_expected(const struct lane *l) {
	if (l->frame_ticks)
		return l->frame_ticks;
	return l->step_before && l->step_before < l->last_step ? l->step_before : l->last_step;
}

static int64_t expected_step_us(const struct lane *l) {
	int64_t ticks = lane_expected(l);
	return ticks > 0 ? ticks_to_us(ticks, l->timescale) : DEFAULT_STEP_US;
}

int64_t lane_step_ms(uint32_t last_ms, uint32_t ms) {
	static const int64_t wraps[] = {1LL << 31, 1LL << 24};
	int64_t step = (int32_t)(ms - last_ms); /* half of the clock's range decides the direction */
	if (step >= -BACK_JUMP_US / 1000)
		return step;
	for (int i = 0; i < 2; i++) {
		int64_t across = (int64_t)ms + wraps[i] - last_ms;
		if (last_ms < wraps[i] && across >= 0 && across <= WRAP_STEP_MS)
			return across;
	}
	return step;
}

static bool is_jump(const struct lane *l, int64_t step_us, int64_t wall_us) {
	if (step_us < -BACK_JUMP_US || step_us > FORWARD_MAX_US)
		return true;
	return step_us > FORWARD_JUMP_US && step_us > 2 * (wall_us - l->last_wall_us);
}

int64_t lane_end_us(const struct lane *l) {
	return ticks_to_us(l->last_dts, l->timescale) + expected_step_us(l);
}

/* The frame follows the one before, and what the other tracks have sent already, for they will jump alike; or keeps its
 * distance to the track that jumped just before. */
static void splice(struct lane *l, int64_t wall_us, const struct lane_others *others, struct lane_time *t) {
	const struct lane *other = others->spliced;
	int64_t end_us = lane_end_us(l), before = l->offset_us, ahead_us = others->end_us - end_us;
	l->offset_us = end_us + (ahead_us > 0 && ahead_us < LANE_JUMP_US ? ahead_us : 0) - l->raw_us;
	if (other && other != l && other->spliced_wall_us && wall_us - other->spliced_wall_us < SPLICE_TOGETHER_US &&
	    llabs(other->offset_us - l->offset_us) < LANE_JUMP_US) {
		l->offset_us = other->offset_us;
		t->joined = true;
	}
	l->spliced_wall_us = wall_us;
	t->jump_us = l->offset_us - before;
}

static int64_t new_grid(struct lane *l, int64_t dts, struct lane_time *t) {
	l->off_grid_us16 = 0;
	t->regridded = true;
	return dts;
}

/* On the grid of samples while the encoder's milliseconds agree with it. */
static int64_t snap(struct lane *l, int64_t dts, struct lane_time *t) {
	if (!l->frame_ticks || !l->begun)
		return dts;
	int64_t expected = l->last_dts + l->frame_ticks;
	if (ticks_to_us(dts - expected, l->timescale) > FAR_OFF_US) /* frames were left out: whole ones keep the grid */
		expected += (dts - expected + l->frame_ticks / 2) / l->frame_ticks * l->frame_ticks;
	int64_t off_us = ticks_to_us(dts - expected, l->timescale);
	if (llabs(off_us) > FAR_OFF_US)
		return new_grid(l, dts, t);
	l->off_grid_us16 += off_us - l->off_grid_us16 / 16;
	if (llabs(l->off_grid_us16) > 16 * OFF_GRID_US)
		return new_grid(l, dts, t);
	if (llabs(l->off_grid_us16) <= 16 * NUDGE_FROM_US)
		return expected;
	t->nudged = true;
	return expected + (l->off_grid_us16 > 0 ? 1 : -1);
}

void lane_recall(struct lane *l, int64_t dts) {
	if (l->begun) {
		l->step_before = l->last_step;
		l->last_step = dts - l->last_dts;
	}
	l->begun = true;
	l->last_dts = dts;
}

void lane_resume(struct lane *l, uint32_t ms, int64_t raw_us, int64_t offset_us, int64_t wall_us, int64_t ahead_us16) {
	l->last_ms = ms;
	l->raw_us = raw_us;
	l->offset_us = offset_us;
	l->last_wall_us = wall_us;
	l->off_grid_us16 = l->frame_ticks ? ahead_us16 : 0;
}

struct lane_time lane_next(struct lane *l, uint32_t ms, uint32_t nano, int64_t wall_us,
                           const struct lane_others *others, int64_t least_us) {
	struct lane_time t = {0};
	if (l->begun) {
		int64_t step_us = lane_step_ms(l->last_ms, ms) * 1000;
		l->raw_us += step_us;
		if (is_jump(l, step_us, wall_us))
			splice(l, wall_us, others, &t);
	}
	int64_t us = l->raw_us + nano / 1000 + l->offset_us, least = us_to_ticks_up(least_us, l->timescale);
	t.dts = snap(l, us_to_ticks(us, l->timescale), &t);
	if (l->begun && t.dts <= l->last_dts) {
		t.dts = l->last_dts + 1;
		t.moved = true;
	}
	if (t.dts < least) {
		t.moved |= least - t.dts > 1; /* one is rounding */
		t.dts = least;
	}
	lane_recall(l, t.dts);
	l->last_ms = ms;
	l->last_wall_us = wall_us;
	return t;
}
