/*
 * lane.h: one track's way from the encoder's milliseconds to media time. Pure. Internal to the timeline.
 *
 * Milliseconds wrap at 2^32 (some encoders at 2^31 or 2^24), jump, stand still, step back. Media time only grows: jumps
 * are spliced, so that the frame after one follows the frame before it. Audio is snapped to the grid of its samples,
 * for milliseconds are too coarse for it; when the encoder's milliseconds and its samples disagree for long, the grid
 * follows the milliseconds by a sample a frame.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lane {
	uint32_t timescale;
	uint32_t frame_ticks; /* nominal duration of audio's access units; 0: not known, or video */
	bool begun;
	uint32_t last_ms;        /* as sent */
	int64_t raw_us;          /* unwrapped */
	int64_t offset_us;       /* media time − raw */
	int64_t last_dts;        /* ticks */
	int64_t last_step;       /* ticks between the last two frames; 0: not known */
	int64_t step_before;     /* and between the two before */
	int64_t last_wall_us;    /* arrival of the last */
	int64_t spliced_wall_us; /* when it was last spliced; 0: never */
	int64_t off_grid_us16;   /* running mean of what the milliseconds are ahead of the grid, × 16 */
};

struct lane_time {
	int64_t dts;     /* ticks, above the one before */
	int64_t jump_us; /* what was spliced; 0: nothing */
	bool joined;     /* the splice took over another lane's */
	bool moved;      /* the time had stood still, stepped back, or lay before what it must not */
	bool regridded;  /* audio left its grid and begins a new one */
	bool nudged;     /* the grid followed the milliseconds by a sample */
};

enum { LANE_JUMP_US = 1000000 }; /* a splice of more is a discontinuity */

/* `timescale` is not 0. */
void lane_init(struct lane *l, uint32_t timescale, uint32_t frame_ticks);

/* Another configuration: the timescale may change; media time goes on. */
void lane_retime(struct lane *l, uint32_t timescale, uint32_t frame_ticks);

/* Before the first frame: its unwrapped time, and the timeline's common offset. */
void lane_start(struct lane *l, int64_t raw_us, int64_t offset_us);

/* How long the newest frame is expected to last, in ticks; 0: not known. After a pause the pause is not expected again.
 */
int64_t lane_expected(const struct lane *l);

/* What a step from `last_ms` to `ms` means, in ms; wraps are seen. */
int64_t lane_step_ms(uint32_t last_ms, uint32_t ms);

/* Where the newest frame ends, as far as that is known. */
int64_t lane_end_us(const struct lane *l);

/* A frame that has its time already, in order. What is sent with it is not known: lane_resume follows. */
void lane_recall(struct lane *l, int64_t dts);

/* Goes on behind frames that were recalled, of which one was sent at `ms`, `raw_us` unwrapped, and arrived at
 * `wall_us`. `ahead_us16`: the mean of what the milliseconds are ahead of the grid, × 16; for audio. */
void lane_resume(struct lane *l, uint32_t ms, int64_t raw_us, int64_t offset_us, int64_t wall_us, int64_t ahead_us16);

/* What a splice must know of a track's neighbours. */
struct lane_others {
	const struct lane *spliced; /* the one that was spliced last, or NULL */
	int64_t end_us;             /* where the longest ends */
};

/*
 * The media time of a frame sent with `ms` (and `nano` nanoseconds), that arrived at `wall_us`. A jump that fits to the
 * one of the lane spliced last takes over its offset, so that sound and picture stay together. `least_us`: media time
 * that the frame must not lie before.
 */
struct lane_time lane_next(struct lane *l, uint32_t ms, uint32_t nano, int64_t wall_us,
                           const struct lane_others *others, int64_t least_us);
