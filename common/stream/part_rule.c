#include "common/stream/part_rule.h"

/* a × b / c, rounded down and up; a and b below 2^40 and 2^20 in practice, so in 128 bits without care. */
static int64_t scale_down(int64_t a, int64_t b, int64_t c) {
	return (int64_t)((__int128)a * b / c);
}

static int64_t scale_up(int64_t a, int64_t b, int64_t c) {
	return (int64_t)(((__int128)a * b + c - 1) / c);
}

static uint32_t at_least_one(int64_t n) {
	return n < 1 ? 1 : n > UINT16_MAX ? UINT16_MAX : (uint32_t)n;
}

struct part_rule part_rule_of(const struct part_rule_input *in) {
	int64_t frame = in->frame_ticks;
	if (in->target_ms)
		return (struct part_rule){
		    .frames = at_least_one(scale_down(in->target_ms - 1, in->timescale, 1000 * frame)),
		    .target_ms = in->target_ms,
		};
	int64_t frames = scale_down(in->part_ms + 1, in->timescale, 1000 * frame);
	int64_t least = scale_up(in->longest_ms, in->timescale, 1000 * frame * PARTS_MAX);
	uint32_t n = at_least_one(frames > least ? frames : least);
	int64_t target = scale_up(n * frame, 1000, in->timescale) + 1;
	return (struct part_rule){.frames = n, .target_ms = target > UINT32_MAX ? UINT32_MAX : (uint32_t)target};
}
