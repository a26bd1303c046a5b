#include "common/stream/lane.h"

#include "common/stream/entry.h"

#include <stdlib.h>

enum {
	FORWARD_JUMP_US = 10000000, /* a step forward of more, that did not take its time to arrive, is a jump */
	BACK_JUMP_US = 500000,      /* a step back of more is a jump; of less, disorder */
	SPLICE_TOGETHER_US = 5000000,
	OFF_GRID_US = 4000, /* audio that is further off its grid begins a new grid */
	DEFAULT_STEP_US = 33333,
};

void lane_init(struct lane *l, uint32_t timescale, uint32_t frame_ticks, int64_t offset_us) {
	*l = (struct lane){.timescale = timescale, .frame_ticks = frame_ticks, .offset_us = offset_us};
}

void lane_retime(struct lane *l, uint32_t timescale, uint32_t frame_ticks) {
	if (timescale != l->timescale) {
		l->last_dts = us_to_ticks(ticks_to_us(l->last_dts, l->timescale), timescale);
		l->last_step = 0;
	}
	l->timescale = timescale;
	l->frame_ticks = frame_ticks;
}

static int64_t expected_step_us(const struct lane *l) {
	int64_t ticks = l->frame_ticks ? l->frame_ticks : l->last_step;
	return ticks > 0 ? ticks_to_us(ticks, l->timescale) : DEFAULT_STEP_US;
}

/*
 * The step from the last frame in µs. Half of the clock's range decides the direction; a step that looks like a wrap at
 * 2^31 (some encoders count in 31 bits) is taken as one.
 */
static int64_t step_us(const struct lane *l, uint32_t ms) {
	int32_t step = (int32_t)(ms - l->last_ms);
	if (step < -0x7fff0000 && ms < 0x10000)
		step = (int32_t)(ms + 0x80000000u - l->last_ms);
	return (int64_t)step * 1000;
}

static bool is_jump(const struct lane *l, int64_t step, int64_t wall_us) {
	if (step < -BACK_JUMP_US)
		return true;
	return step > FORWARD_JUMP_US && step > 2 * (wall_us - l->last_wall_us);
}

/* The frame follows the one before; or keeps its distance to the track that jumped alike just before. */
static int64_t splice(struct lane *l, int64_t raw_us, int64_t wall_us, const struct lane *other) {
	int64_t last_us = ticks_to_us(l->last_dts, l->timescale), before = l->offset_us;
	l->offset_us = last_us + expected_step_us(l) - raw_us;
	if (other && other != l && other->spliced_wall_us && wall_us - other->spliced_wall_us < SPLICE_TOGETHER_US &&
	    llabs(other->offset_us - l->offset_us) < LANE_JUMP_US)
		l->offset_us = other->offset_us;
	l->spliced_wall_us = wall_us;
	return l->offset_us - before;
}

/* On the grid of samples while the encoder's milliseconds agree with it. */
static int64_t snap(const struct lane *l, int64_t dts, bool *repaired) {
	if (!l->frame_ticks || !l->begun)
		return dts;
	int64_t expected = l->last_dts + l->frame_ticks, off = ticks_to_us(llabs(dts - expected), l->timescale);
	if (off <= OFF_GRID_US)
		return expected;
	/* Frames were left out: whole ones keep the grid. */
	int64_t missing = (dts - expected + l->frame_ticks / 2) / l->frame_ticks;
	int64_t skipped = expected + missing * l->frame_ticks;
	if (missing > 0 && ticks_to_us(llabs(dts - skipped), l->timescale) <= OFF_GRID_US)
		return skipped;
	*repaired = true;
	return dts;
}

struct lane_time lane_next(struct lane *l, uint32_t ms, uint32_t nano, int64_t wall_us, const struct lane *other,
                           int64_t least_us) {
	struct lane_time t = {0};
	if (!l->begun) {
		l->raw_us = (int64_t)ms * 1000;
	} else {
		int64_t step = step_us(l, ms);
		l->raw_us += step;
		if (is_jump(l, step, wall_us))
			t.jump_us = splice(l, l->raw_us, wall_us, other);
	}
	int64_t us = l->raw_us + nano / 1000 + l->offset_us;
	t.dts = snap(l, us_to_ticks(us, l->timescale), &t.repaired);
	int64_t least = us_to_ticks(least_us, l->timescale);
	if (l->begun && t.dts <= l->last_dts) {
		t.dts = l->last_dts + 1;
		t.repaired = true;
	}
	if (t.dts < least)
		t.dts = least;
	if (l->begun)
		l->last_step = t.dts - l->last_dts;
	l->begun = true;
	l->last_ms = ms;
	l->last_dts = t.dts;
	l->last_wall_us = wall_us;
	return t;
}
