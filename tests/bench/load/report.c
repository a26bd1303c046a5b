#include "tests/bench/load/load.h"

#include <stdio.h>
#include <stdlib.h>

/* What the viewers of one protocol got, each list in order of size. */
struct tally {
	uint64_t *counts, *connect_to_frame, *play_to_frame, *gaps;
	uint64_t bytes, window_bytes, backwards;
	int n, failed;
	const char *why; /* of one that failed */
};

static int by_value(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void add(struct tally *t, const struct viewer *v) {
	if (v->error || !v->playing || !v->first_ns) {
		t->failed++;
		t->why = v->error ? v->error : "nothing came";
		return;
	}
	t->counts[t->n] = v->window_messages;
	t->connect_to_frame[t->n] = v->first_ns - v->began_ns;
	t->play_to_frame[t->n] = v->first_ns - v->asked_ns;
	t->gaps[t->n++] = v->gap_ns;
	t->bytes += v->bytes;
	t->window_bytes += v->window_bytes;
	t->backwards += v->backwards;
}

static void gather(struct tally *t, const struct load *l, const struct protocol *p) {
	uint64_t **lists[] = {&t->counts, &t->connect_to_frame, &t->play_to_frame, &t->gaps};
	for (int i = 0; i < 4; i++)
		if (!(*lists[i] = calloc((size_t)l->total, sizeof **lists[i])))
			abort();
	for (int i = 0; i < l->total; i++)
		if (l->viewers[i].protocol == p && !l->viewers[i].stalled)
			add(t, &l->viewers[i]);
	for (int i = 0; i < 4; i++)
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

static bool print_protocol(const struct load *l, const struct protocol *p, int expected) {
	struct tally t = {0};
	int full = 0;
	gather(&t, l, p);
	uint64_t median = t.n ? t.counts[t.n / 2] : 0;
	for (int i = 0; i < t.n; i++)
		full += t.counts[i] * 100 >= median * 98 && median > 0;
	printf("{\"protocol\":\"%s\",\"viewers\":%d,\"playing\":%d,\"full_rate\":%d,\"failed\":%d,\"why\":\"%s\","
	       "\"seconds\":%d,\"messages_median\":%llu,\"messages_least\":%llu,\"bytes\":%llu,\"window_bytes\":%llu,"
	       "\"backwards\":%llu",
	       p->name, expected, t.n, full, t.failed, t.why ? t.why : "", l->options.seconds, (unsigned long long)median,
	       (unsigned long long)(t.n ? t.counts[0] : 0), (unsigned long long)t.bytes, (unsigned long long)t.window_bytes,
	       (unsigned long long)t.backwards);
	print_times("first_ms", t.connect_to_frame, t.n);
	print_times("play_ms", t.play_to_frame, t.n);
	print_times("gap_ms", t.gaps, t.n);
	print_window(l);
	printf("}\n");
	free(t.counts);
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
