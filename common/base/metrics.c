#include "common/base/metrics.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

static const struct {
	enum metric_type type;
	const char *name, *labels, *help;
} table[METRIC_COUNT] = {
#define METRIC(id, kind, family, label, text) [id] = {METRIC_##kind, family, label, text},
#include "common/base/metrics_table.h"
#undef METRIC
};

/* A thread writes its own row alone; the others only read it. Rows begin on cache lines of their own. */
static struct { alignas(64) _Atomic int64_t values[METRIC_COUNT]; } rows[METRIC_THREADS];

static _Thread_local unsigned own_row;

void metrics_thread(unsigned row) {
	assert(row < METRIC_THREADS);
	own_row = row;
}

void metric_add(enum metric m, int64_t n) {
	_Atomic int64_t *v = &rows[own_row].values[m];
	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n, memory_order_relaxed);
}

int64_t metric_value(enum metric m) {
	int64_t sum = 0;
	for (unsigned i = 0; i < METRIC_THREADS; i++)
		sum += atomic_load_explicit(&rows[i].values[m], memory_order_relaxed);
	return sum;
}

/* Shares stand in the table in millionths, plus one where they were set. */
void metric_set_share(enum metric m, double share) {
	atomic_store_explicit(&rows[own_row].values[m], 1 + (int64_t)(share * 1e6), memory_order_relaxed);
}

static int64_t share_millionths(enum metric m, unsigned worker) {
	return atomic_load_explicit(&rows[METRIC_FIRST_WORKER + worker].values[m], memory_order_relaxed) - 1;
}

double metric_share(enum metric m, unsigned worker) {
	int64_t v = share_millionths(m, worker);
	return v > 0 ? (double)v / 1e6 : 0;
}

static void print_shares(enum metric m, struct buffer *out) {
	for (unsigned i = 0; i < METRIC_THREADS - METRIC_FIRST_WORKER; i++) {
		int64_t v = share_millionths(m, i);
		if (v >= 0)
			buffer_printf(out, "%s{worker=\"%u\"} %lld.%06lld\n", table[m].name, i, (long long)(v / 1000000),
			              (long long)(v % 1000000));
	}
}

static void print_workers(enum metric m, struct buffer *out) {
	for (unsigned i = 0; i < METRIC_THREADS - METRIC_FIRST_WORKER; i++) {
		int64_t v = atomic_load_explicit(&rows[METRIC_FIRST_WORKER + i].values[m], memory_order_relaxed);
		if (v)
			buffer_printf(out, "%s{worker=\"%u\"} %lld\n", table[m].name, i, (long long)v);
	}
}

void metrics_print(struct buffer *out) {
	for (int m = 0; m < METRIC_COUNT; m++) {
		if (m == 0 || strcmp(table[m].name, table[m - 1].name) != 0)
			buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", table[m].name, table[m].help, table[m].name,
			              table[m].type == METRIC_COUNTER || table[m].type == METRIC_WORKER ? "counter" : "gauge");
		if (table[m].type == METRIC_WORKER) {
			print_workers((enum metric)m, out);
			continue;
		}
		if (table[m].type == METRIC_SHARE) {
			print_shares((enum metric)m, out);
			continue;
		}
		const char *open = *table[m].labels ? "{" : "", *close = *table[m].labels ? "}" : "";
		buffer_printf(out, "%s%s%s%s %lld\n", table[m].name, open, table[m].labels, close,
		              (long long)metric_value((enum metric)m));
	}
}
