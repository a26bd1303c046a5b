/*
 * drain_worker.h: what each worker does when its node drains (drain.h has the plan): it turns its servers to it, asks
 * and ends in time, and counts what is left.
 */
#pragma once

#include "common/control/drain.h"

struct node_worker;

/* Embedded in node_worker. */
struct drain_worker {
	struct timer look;
	uint64_t busy_ms; /* when it last had anybody of its own */
	bool asked, publishers_ended, viewers_ended, viewers_cut;
};

void drain_worker_init(struct node_worker *w);

/* The node's `begin` (drain_init). */
void drain_worker_begin(struct worker *w, struct message *m);

/* From the stop hook. */
void drain_worker_stop(struct node_worker *w);
