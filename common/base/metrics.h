/*
 * metrics.h: the node's counters and gauges, one table for the whole program.
 *
 * Each thread writes its own row of the table without a lock or a shared cache line (`metrics_thread` picks the row);
 * a reader sums the rows. A gauge may go up on one thread and down on another: only the sum means something.
 * The table (names, types, help) is common/base/metrics_table.h; /metrics is printed by common/control.
 */
#pragma once

#include "common/base/buffer.h"

#include <stdint.h>

enum metric {
#define METRIC(id, type, name, labels, help) id,
#include "common/base/metrics_table.h"
#undef METRIC
	METRIC_COUNT
};

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_WORKER, /* a counter of each worker's own, printed with its index as label once it has counted */
	METRIC_SHARE,  /* a gauge from 0 to 1 that each worker has of its own, printed with its index as label */
};

enum { METRIC_THREADS = 130, METRIC_FIRST_WORKER = 2 }; /* rows: main, the logger, 128 workers */

/* Picks the calling thread's row: 0 is main's and the default, workers use 2 + index. Rows are below METRIC_THREADS. */
void metrics_thread(unsigned row);

void metric_add(enum metric m, int64_t n);

static inline void metric_inc(enum metric m) {
	metric_add(m, 1);
}

static inline void metric_dec(enum metric m) {
	metric_add(m, -1);
}

/* Sets the calling worker's METRIC_SHARE. */
void metric_set_share(enum metric m, double share);

/* A worker's METRIC_SHARE; 0 for one that never set it. Any thread. */
double metric_share(enum metric m, unsigned worker);

/* The sum over all threads. Any thread; rows in flight may be a moment old. */
int64_t metric_value(enum metric m);

/* Appends the whole table in the Prometheus text format 0.0.4, each family once with HELP and TYPE. */
void metrics_print(struct buffer *out);
