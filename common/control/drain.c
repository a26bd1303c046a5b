#include "common/control/drain.h"

#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

/* Nobody must have been left for so long: who moves from one place of this node to another is in none for a moment. */
enum { LOOK_MS = 100, ALONE_MS = 500 };

void drain_init(struct drain *d, const struct config *config, message_fn begin) {
	d->config = config;
	d->begin = begin;
	d->main = pthread_self();
}

bool drain_is_on(const struct drain *d) {
	return atomic_load(&d->began_ms) != 0;
}

uint64_t drain_elapsed_ms(const struct drain *d) {
	return clock_monotonic_ms() - atomic_load(&d->began_ms);
}

uint64_t drain_remaining_ms(const struct drain *d) {
	uint64_t until = atomic_load(&d->until_ms), now = clock_monotonic_ms();
	return until > now ? until - now : 0;
}

void drain_set_left(struct drain *d, unsigned worker, const struct drain_left *left) {
	for (int kind = 0; kind < DRAIN_KINDS; kind++)
		atomic_store(&d->left[worker][kind], left->of[kind]);
}

struct drain_left drain_sum_left(const struct drain *d, unsigned count) {
	struct drain_left sum = {0};
	for (unsigned i = 0; i < count; i++)
		for (int kind = 0; kind < DRAIN_KINDS; kind++)
			sum.of[kind] += atomic_load(&d->left[i][kind]);
	return sum;
}

void drain_begin(struct drain *d, struct workers *group, uint64_t limit_ms) {
	/* Until it has counted, a worker has somebody. */
	static const struct drain_left unknown = {.of = {[DRAIN_PUBLISHERS] = 1}};
	uint64_t now = clock_monotonic_ms(), never = 0;
	now += now == 0;
	atomic_store(&d->until_ms, now + limit_ms);
	if (atomic_compare_exchange_strong(&d->began_ms, &never, now)) {
		log_info("draining: no new work is taken", log_u64("limit_ms", limit_ms));
		metric_inc(M_DRAINING);
		for (unsigned i = 0; i < workers_count(group); i++)
			drain_set_left(d, i, &unknown);
		for (unsigned i = 0; i < workers_count(group); i++) {
			d->messages[i].deliver = d->begin;
			worker_post(workers_at(group, i), &d->messages[i]);
		}
	} else {
		log_info("the drain has another limit", log_u64("limit_ms", limit_ms));
	}
	pthread_kill(d->main, SIGUSR1);
}

/* --- main --- */

/* The next signal; 0: it is time to look whether the drain is over. */
static int next_signal(const struct drain *d, const sigset_t *set) {
	const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
	int signal;
	do {
		signal = drain_is_on(d) ? sigtimedwait(set, NULL, &look) : sigwaitinfo(set, NULL);
	} while (signal < 0 && errno == EINTR);
	return signal < 0 || signal == SIGUSR1 || signal == SIGPIPE ? 0 : signal;
}

static bool nobody_is_left(struct drain *d, unsigned workers) {
	struct drain_left left = drain_sum_left(d, workers);
	uint64_t sum = 0, now = clock_monotonic_ms();
	for (int kind = 0; kind < DRAIN_KINDS; kind++)
		sum += left.of[kind];
	if (sum)
		d->alone_since_ms = 0;
	else if (!d->alone_since_ms)
		d->alone_since_ms = now;
	return !sum && now - d->alone_since_ms >= ALONE_MS &&
	       drain_elapsed_ms(d) >= (uint64_t)config_node(d->config)->node_drain_notice;
}

/* NULL: it is not. */
static const char *is_over(struct drain *d, unsigned workers) {
	if (!drain_is_on(d))
		return NULL;
	if (nobody_is_left(d, workers))
		return "drained: nobody is left";
	return drain_remaining_ms(d) ? NULL : "drained: its time is over";
}

const char *drain_wait(struct drain *d, struct workers *group, const sigset_t *set) {
	uint64_t limit_ms = (uint64_t)config_node(d->config)->node_drain;
	for (bool asked = false;;) {
		int signal = next_signal(d, set);
		if (signal == SIGINT)
			return "SIGINT";
		if (signal == SIGTERM && (asked || !limit_ms))
			return asked ? "SIGTERM again" : "SIGTERM";
		if (signal == SIGTERM) {
			asked = true; /* of a drain that the API began this is no second request */
			if (!drain_is_on(d))
				drain_begin(d, group, limit_ms);
		}
		const char *why = is_over(d, workers_count(group));
		if (why)
			return why;
	}
}
