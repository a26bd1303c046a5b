#include "common/loop/limits.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"

#include <sys/resource.h>

uint64_t limits_raise_files(void) {
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 1024;
	struct rlimit want = {r.rlim_max, r.rlim_max};
	if (r.rlim_cur < r.rlim_max && setrlimit(RLIMIT_NOFILE, &want) == 0)
		r.rlim_cur = r.rlim_max;
	return r.rlim_cur;
}

bool limits_take(struct worker *w) {
	struct connection_limit *l = worker_connection_limit(w);
	int64_t most = atomic_load_explicit(&l->most, memory_order_relaxed);
	int64_t before = atomic_fetch_add_explicit(&l->open, 1, memory_order_relaxed);
	if (most <= 0 || before < most)
		return true;
	atomic_fetch_sub_explicit(&l->open, 1, memory_order_relaxed);
	metric_inc(M_REFUSED_LIMIT);
	uint64_t now = worker_now_ms(w);
	uint64_t told = atomic_load_explicit(&l->told_ms, memory_order_relaxed);
	if (now - told >= 1000 && atomic_compare_exchange_strong(&l->told_ms, &told, now))
		log_warn("connection refused: limits.connections is reached", log_i64("limit", most));
	return false;
}

void limits_release(struct worker *w) {
	atomic_fetch_sub_explicit(&worker_connection_limit(w)->open, 1, memory_order_relaxed);
}

void limits_set_connections(struct workers *group, int64_t most) {
	atomic_store(&worker_connection_limit(workers_at(group, 0))->most, most);
}
