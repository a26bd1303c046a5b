/*
 * clock.h: the node's two clocks.
 *
 * The wall clock is read once, by `clock_init` in main before any worker starts, and runs on the monotonic clock from
 * then: a step of the system's time never moves a stream's. Any thread may read both.
 */
#pragma once

#include <stdint.h>

void clock_init(void);

/* Monotonic nanoseconds since an arbitrary start. */
uint64_t clock_monotonic_ns(void);

/* Monotonic milliseconds since the same start. */
uint64_t clock_monotonic_ms(void);

/* Wall time in microseconds since the Unix epoch, as read at `clock_init` and carried on by the monotonic clock. */
int64_t clock_wall_us(void);
