/*
 * part_rule.h: how many frames make a part, and what PART-TARGET follows. Pure. The origin decides it, `Tracks` carries
 * it.
 *
 * A part is `frames` frames of the track, counted from its segment's start; fewer if the next would make it longer than
 * PART-TARGET, and at the segment's end. When a frame alone is longer, or a part that is not the segment's last would
 * be shorter than 85 % of it, the segment lists no further parts.
 */
#pragma once

#include <stdint.h>

enum { PART_LEAST_PERCENT = 85, PARTS_MAX = 200 /* in a segment */ };

struct part_rule {
	uint32_t frames;
	uint32_t target_ms; /* PART-TARGET */
};

struct part_rule_input {
	uint32_t frame_ticks, timescale; /* a frame's nominal duration; neither is 0 */
	int64_t part_ms;                 /* package.part */
	int64_t longest_ms;              /* the longest that a segment of the run can be */
	uint32_t target_ms;              /* PART-TARGET that the run has for the track already: it stays; 0: none */
};

/* As many frames as fit into package.part (a millisecond more, for rounded timestamps), but at least one, and so many
 * that a segment has no more than PARTS_MAX parts. */
struct part_rule part_rule_of(const struct part_rule_input *in);
