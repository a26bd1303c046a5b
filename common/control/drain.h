/*
 * drain.h: a node that is to go lets what it has move elsewhere first. The clock of that, shared by main and workers:
 * since when, until when, and how much is left on each worker.
 *
 *   time after its begin             | what happens
 *   0                                | no new work; balancers, the map and linked nodes are told
 *   node.drain_notice                | who announced that it can is asked to move (E-RTMP ReconnectRequest)
 *   … + node.drain_publisher         | publishers that are still here are closed
 *   … + node.drain_viewer            | viewers of RTMP, FLV and TS likewise, at a keyframe
 *   nobody is left, or node.drain    | the node ends
 *
 * drain_worker.h is what a worker does of it, drain_api.h how it is asked for and looked at.
 */
#pragma once

#include "common/base/config.h"
#include "common/loop/worker.h"

#include <signal.h>

enum drain_kind { DRAIN_PUBLISHERS, DRAIN_VIEWERS, DRAIN_PLAYERS, DRAIN_SUBSCRIPTIONS, DRAIN_KINDS };

struct drain_left {
	uint64_t of[DRAIN_KINDS];
};

/* Zero it, then drain_init. */
struct drain {
	const struct config *config;
	message_fn begin; /* what each worker does first */
	pthread_t main;
	uint64_t alone_since_ms;             /* main's: nobody has been left since; 0: somebody is */
	_Atomic uint64_t began_ms, until_ms; /* monotonic; 0: it has not begun */
	_Atomic uint64_t left[WORKERS_MAX][DRAIN_KINDS];
	struct message messages[WORKERS_MAX];
};

/* In main, before workers start; `begin` runs on each worker, once, and does not own its message. */
void drain_init(struct drain *d, const struct config *config, message_fn begin);

/* Begins, with at most `limit_ms` to go; under way already it gets that limit from now on. Any thread, while the
 * workers run. */
void drain_begin(struct drain *d, struct workers *group, uint64_t limit_ms);

/* Any thread. */
bool drain_is_on(const struct drain *d);
uint64_t drain_elapsed_ms(const struct drain *d);
uint64_t drain_remaining_ms(const struct drain *d);

/* What is left on one worker; all workers' together, of `count`. */
void drain_set_left(struct drain *d, unsigned worker, const struct drain_left *left);
struct drain_left drain_sum_left(const struct drain *d, unsigned count);

/*
 * Main's whole waiting: SIGINT, or a second SIGTERM, ends at once; the first SIGTERM begins a drain (node.drain 0: ends
 * at once); a drain ends when it is over. Returns why the node ends, for the log. `set`, blocked in every thread, has
 * SIGINT, SIGTERM and SIGUSR1, by which drain_begin wakes main.
 */
const char *drain_wait(struct drain *d, struct workers *group, const sigset_t *set);
