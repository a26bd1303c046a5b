#include "tests/bench/load/histogram.h"

enum { FINE_BITS = 5, FINE = 1 << FINE_BITS };

static unsigned class_of(uint64_t ns) {
	if (ns < FINE)
		return (unsigned)ns;
	unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - FINE_BITS;
	return (shift + 1) * FINE + (unsigned)((ns >> shift) - FINE);
}

static uint64_t middle_of(unsigned class) {
	if (class < FINE)
		return class;
	unsigned shift = class / FINE - 1;
	uint64_t least = (uint64_t)(class % FINE + FINE) << shift;
	return least + ((uint64_t)1 << shift) / 2;
}

void histogram_add(struct histogram *h, uint64_t ns) {
	h->counts[class_of(ns)]++;
	h->total++;
}

uint64_t histogram_percentile(const struct histogram *h, double percent) {
	uint64_t wanted = (uint64_t)((double)h->total * percent / 100), seen = 0;
	for (unsigned i = 0; h->total && i < HISTOGRAM_CLASSES; i++) {
		seen += h->counts[i];
		if (seen > wanted || seen == h->total)
			return middle_of(i);
	}
	return 0;
}
