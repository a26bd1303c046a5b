#include "tests/bench/kit/clock.h"
#include "tests/bench/kit/stamp.h"
#include "tests/bench/reload/reload.h"

#include <stdio.h>
#include <stdlib.h>

static void note(struct stamps *s, const uint8_t *at) {
	uint64_t sent;
	if (!stamp_get(at, &sent))
		return;
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->sent = realloc(s->sent, s->room * sizeof *s->sent);
		s->seen = realloc(s->seen, s->room * sizeof *s->seen);
		if (!s->sent || !s->seen)
			abort();
	}
	s->sent[s->count] = sent;
	s->seen[s->count++] = clock_ns();
}

static void scan(struct stamps *s, const uint8_t *data, size_t size) {
	for (const uint8_t *end = data + size; (size_t)(end - data) >= STAMP_SIZE; data++) {
		data = memmem(data, (size_t)(end - data), STAMP_MARK, 8);
		if (!data || (size_t)(end - data) < STAMP_SIZE)
			return;
		note(s, data);
	}
}

/* The seam first: the end of the last bytes with the beginning of these. */
void stamps_scan(struct stamps *s, const uint8_t *data, size_t size) {
	uint8_t seam[2 * CARRY_MAX];
	size_t more = size < STAMP_SIZE - 1 ? size : STAMP_SIZE - 1;
	memcpy(seam, s->carry, s->carried);
	memcpy(seam + s->carried, data, more);
	scan(s, seam, s->carried + more);
	scan(s, data, size);
	if (size >= STAMP_SIZE - 1) {
		s->carried = STAMP_SIZE - 1;
		memcpy(s->carry, data + size - s->carried, s->carried);
		return;
	}
	size_t all = s->carried + more, keep = all < STAMP_SIZE - 1 ? all : STAMP_SIZE - 1;
	memcpy(s->carry, seam + all - keep, keep);
	s->carried = keep;
}

/* --- figures --- */

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static uint64_t least(const uint64_t *values, int count) {
	uint64_t min = values[0];
	for (int i = 1; i < count; i++)
		if (values[i] < min)
			min = values[i];
	return min;
}

/* The frame that was sent last before `ns`. */
static bool sent_before(const struct stamps *s, uint64_t ns, uint64_t *sent) {
	bool found = false;
	for (size_t i = 0; i < s->count; i++)
		if (s->sent[i] <= ns && (!found || s->sent[i] > *sent)) {
			*sent = s->sent[i];
			found = true;
		}
	return found;
}

static double ms(uint64_t ns) {
	return (double)ns / 1e6;
}

bool report(const struct stamps *s, const uint64_t *times, int connections, int batches) {
	size_t count = (size_t)connections * (size_t)batches;
	uint64_t *waits = calloc(count, sizeof *waits), *firsts = calloc((size_t)batches, sizeof *firsts);
	uint64_t *flv = calloc(s->count + 1, sizeof *flv);
	if (!waits || !firsts || !flv)
		abort();
	for (int b = 0; b < batches; b++) {
		const uint64_t *row = times + (size_t)b * (size_t)connections;
		uint64_t first = least(row, connections), sent = 0;
		if (!sent_before(s, first, &sent))
			return false;
		firsts[b] = first - sent;
		for (int i = 0; i < connections; i++)
			waits[(size_t)b * (size_t)connections + (size_t)i] = row[i] - sent;
	}
	for (size_t i = 0; i < s->count; i++)
		flv[i] = s->seen[i] - s->sent[i];
	qsort(waits, count, sizeof *waits, compare);
	qsort(firsts, (size_t)batches, sizeof *firsts, compare);
	qsort(flv, s->count, sizeof *flv, compare);
	printf("{\"answers\":%zu,\"first_ms\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"flv_ms\":%.3f}\n",
	       count, ms(firsts[batches / 2]), ms(waits[count / 2]), ms(waits[count - 1 - count / 100]),
	       ms(waits[count - 1]), s->count ? ms(flv[s->count / 2]) : 0.0);
	free(waits);
	free(firsts);
	free(flv);
	return true;
}
