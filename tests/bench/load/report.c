#include "tests/bench/load/load.h"

#include <stdio.h>
#include <stdlib.h>

enum { LISTS = 4, LATE_MS = 500 };

/* What the viewers of one protocol got, each list in order of size. */
struct tally {
	uint64_t *densities; /* messages in 1000 s of the stream's own time */
	uint64_t *connect_to_frame, *play_to_frame, *gaps;
	uint64_t bytes, window_bytes, backwards;
	int n, failed;
	const char *why; /* of one that failed */
};

static int by_value(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static uint64_t density(const struct viewer *v) {
	uint32_t advanced = v->window_to - v->window_from;
	return advanced ? v->window_messages * 1000000 / advanced : 0;
}

/* The stream went on as fast as the clock, and without holes. */
static bool at_full_rate(const struct viewer *v, const struct window *w, uint64_t median_density) {
	int64_t window_ms = (int64_t)((w->ended_ns - w->began_ns) / 1000000);
	int64_t advanced_ms = (int64_t)(v->window_to - v->window_from);
	return llabs(window_ms - advanced_ms) <= LATE_MS && density(v) * 100 >= median_density * 98;
}

static bool counts(const struct viewer *v, const struct protocol *p) {
	return v->protocol == p && !v->stalled;
}

static bool played(const struct viewer *v) {
	return !v->error && v->playing && v->first_ns;
}

static void add(struct tally *t, const struct viewer *v) {
	if (!played(v)) {
		t->failed++;
		t->why = v->error ? v->error : "nothing came";
		return;
	}
	t->densities[t->n] = density(v);
	t->connect_to_frame[t->n] = v->first_ns - v->began_ns;
	t->play_to_frame[t->n] = v->first_ns - v->asked_ns;
	t->gaps[t->n++] = v->gap_ns;
	t->bytes += v->bytes;
	t->window_bytes += v->window_bytes;
	t->backwards += v->backwards;
}

static void gather(struct tally *t, const struct load *l, const struct protocol *p) {
	uint64_t **lists[] = {&t->densities, &t->connect_to_frame, &t->play_to_frame, &t->gaps};
	for (int i = 0; i < LISTS; i++)
		if (!(*lists[i] = calloc((size_t)l->total, sizeof **lists[i])))
			abort();
	for (int i = 0; i < l->total; i++)
		if (counts(&l->viewers[i], p))
			add(t, &l->viewers[i]);
	for (int i = 0; i < LISTS; i++)
		qsort(*lists[i], (size_t)t->n, sizeof **lists[i], by_value);
}

static void print_times(const char *name, const uint64_t *sorted, int n) {
	printf(",\"%s\":{\"p50\":%.2f,\"p99\":%.2f}", name, n ? (double)sorted[(n - 1) / 2] / 1e6 : 0,
	       n ? (double)sorted[(n - 1) * 99 / 100] / 1e6 : 0);
}

static void print_window(const struct load *l) {
	const struct window *w = &l->window;
	printf(",\"window_s\":%.3f,\"server_cpu_s\":%.6f,\"own_cpu_s\":%.6f", (double)(w->ended_ns - w->began_ns) / 1e9,
	       (double)w->server_cpu_ns / 1e9, (double)w->own_cpu_ns / 1e9);
	if (l->latency.total)
		printf(",\"latency_ms\":{\"p50\":%.3f,\"p99\":%.3f}", (double)histogram_percentile(&l->latency, 50) / 1e6,
		       (double)histogram_percentile(&l->latency, 99) / 1e6);
}

static void print_seconds(const struct load *l) {
	printf(",\"seconds_cpu_s_and_bytes\":[");
	for (int i = 0; i < l->options.seconds; i++)
		printf("%s[%.6f,%llu]", i ? "," : "", (double)l->window.seconds[i].server_cpu_ns / 1e9,
		       (unsigned long long)l->window.seconds[i].bytes);
	printf("]");
}

static bool print_protocol(const struct load *l, const struct protocol *p, int expected) {
	struct tally t = {0};
	int full = 0;
	gather(&t, l, p);
	uint64_t median = t.n ? t.densities[t.n / 2] : 0;
	for (int i = 0; i < l->total; i++) {
		const struct viewer *v = &l->viewers[i];
		full += counts(v, p) && played(v) && at_full_rate(v, &l->window, median);
	}
	printf("{\"protocol\":\"%s\",\"viewers\":%d,\"playing\":%d,\"full_rate\":%d,\"failed\":%d,\"why\":\"%s\","
	       "\"seconds\":%d,\"messages_per_s\":%.2f,\"bytes\":%llu,\"window_bytes\":%llu,\"backwards\":%llu",
	       p->name, expected, t.n, full, t.failed, t.why ? t.why : "", l->options.seconds, (double)median / 1000,
	       (unsigned long long)t.bytes, (unsigned long long)t.window_bytes, (unsigned long long)t.backwards);
	print_times("first_ms", t.connect_to_frame, t.n);
	print_times("play_ms", t.play_to_frame, t.n);
	print_times("gap_ms", t.gaps, t.n);
	print_window(l);
	print_seconds(l);
	printf("}\n");
	free(t.densities);
	free(t.connect_to_frame);
	free(t.play_to_frame);
	free(t.gaps);
	return !t.failed && full == t.n && !t.backwards;
}

bool report_print(const struct load *l) {
	bool well = true;
	if (l->options.rtmp_viewers)
		well &= print_protocol(l, &protocol_rtmp, l->options.rtmp_viewers);
	if (l->options.flv_viewers)
		well &= print_protocol(l, &protocol_flv, l->options.flv_viewers);
	fflush(stdout);
	return well;
}
