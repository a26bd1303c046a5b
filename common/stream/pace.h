/*
 * pace.h: when the viewers of a log get what was appended: how long frames wait for each other.
 *
 * A write call costs the same for one frame as for ten, and calls are what fan-out costs. So a log's viewers may be
 * woken not for each frame but at flushes, an interval apart, all of them by one timer. The interval is fixed, or
 * follows the worker's pressure (busy.h): instant while there is time, up to a bound when there is none. Flushes
 * stand on a grid, whose origin differs from log to log, so that a worker's logs flush evenly over the interval. The
 * run's last item and much that waits are flushed at the end of the turn.
 *
 * Embedded in the log (log.h), which knows whom to wake; on its worker.
 */
#pragma once

#include "common/loop/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACE_ADAPTIVE = -1,
	PACE_LEAST_MS = 4,            /* a shorter wait is none: it would cost a timer and merge nothing */
	PACE_BYTES_MOST = 256 * 1024, /* so much does not wait any longer */
};

struct pace_rule {
	int64_t merge_ms; /* the interval; 0: instant; PACE_ADAPTIVE */
	int64_t most_ms;  /* the longest that PACE_ADAPTIVE chooses */
};

struct pace {
	struct pace_rule rule; /* zeroed: instant */
	struct timer timer;    /* to the next flush */
	size_t waiting_bytes;  /* since the last */
};

/* `on_due` is the timer's: flush at this turn's end. */
void pace_init(struct pace *p, struct worker *w, timer_fn on_due);

/* An item came that viewers wait for. True: flush at this turn's end; false: the timer will tell. */
bool pace_item(struct pace *p, size_t size_bytes, bool is_last);

/* The flush takes place. */
void pace_flushed(struct pace *p);

/* The interval under `pressure` (0 to 1). */
uint64_t pace_interval_ms(const struct pace_rule *rule, double pressure);

/* From `now_ms` to the grid's next point, 1 to `interval_ms`; `phase` is any number that differs from log to log. */
uint64_t pace_wait_ms(uint64_t now_ms, uint64_t interval_ms, uint64_t phase);
