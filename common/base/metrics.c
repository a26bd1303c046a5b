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

void metrics_print(struct buffer *out) {
	for (int m = 0; m < METRIC_COUNT; m++) {
		if (m == 0 || strcmp(table[m].name, table[m - 1].name) != 0)
			buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", table[m].name, table[m].help, table[m].name,
			              table[m].type == METRIC_COUNTER ? "counter" : "gauge");
		const char *open = *table[m].labels ? "{" : "", *close = *table[m].labels ? "}" : "";
		buffer_printf(out, "%s%s%s%s %lld\n", table[m].name, open, table[m].labels, close,
		              (long long)metric_value((enum metric)m));
	}
}
