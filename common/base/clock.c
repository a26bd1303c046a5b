#include "common/base/clock.h"

#include <time.h>

/* Set once by clock_init before any other thread exists. */
static int64_t wall_minus_monotonic_us;

static int64_t read_ns(clockid_t id) {
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void clock_init(void) {
	wall_minus_monotonic_us = (read_ns(CLOCK_REALTIME) - read_ns(CLOCK_MONOTONIC)) / 1000;
}

uint64_t clock_monotonic_ns(void) {
	return (uint64_t)read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_monotonic_ms(void) {
	return clock_monotonic_ns() / 1000000;
}

int64_t clock_wall_us(void) {
	return read_ns(CLOCK_MONOTONIC) / 1000 + wall_minus_monotonic_us;
}
