/*
 * histogram.h: times in nanoseconds, counted in classes that are at most 1/32 wide.
 */
#pragma once

#include <stdint.h>

enum { HISTOGRAM_CLASSES = 64 * 32 };

struct histogram {
	uint64_t total, counts[HISTOGRAM_CLASSES];
};

void histogram_add(struct histogram *h, uint64_t ns);

/* The middle of the class that holds this percentile (0 to 100); 0 when nothing was counted. */
uint64_t histogram_percentile(const struct histogram *h, double percent);
