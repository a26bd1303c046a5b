#include "common/loop/limits.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

uint64_t limits_raise_files(void) {
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 1024;
	struct rlimit want = {r.rlim_max, r.rlim_max};
	if (r.rlim_cur < r.rlim_max && setrlimit(RLIMIT_NOFILE, &want) == 0)
		r.rlim_cur = r.rlim_max;
	return r.rlim_cur;
}

static void on_reserved(uv_handle_t *handle) {
	close((int)(intptr_t)handle->data);
	free(handle);
}

/* A poll on the highest descriptor sizes the table; it is closed at once. */
int limits_reserve_watchers(struct worker *w, uint64_t files) {
	int highest = (int)(files < LIMITS_WATCHED_MAX ? files : LIMITS_WATCHED_MAX) - 1;
	int low = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (low < 0)
		return uv_translate_sys_error(errno);
	int fd = fcntl(low, F_DUPFD_CLOEXEC, highest);
	int err = fd < 0 ? uv_translate_sys_error(errno) : 0;
	close(low);
	if (err == UV_EINVAL || err == UV_EMFILE)
		return 0; /* it is in use, or beyond the limit: the table is as large, or cannot get so large */
	uv_poll_t *poll = err ? NULL : calloc(1, sizeof *poll);
	if (!err)
		err = poll ? uv_poll_init(&w->loop, poll, fd) : UV_ENOMEM;
	if (err) {
		free(poll);
		if (fd >= 0)
			close(fd);
		return err;
	}
	poll->data = (void *)(intptr_t)fd;
	uv_poll_start(poll, UV_READABLE, NULL);
	uv_close((uv_handle_t *)poll, on_reserved);
	return 0;
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

uint64_t limits_connections(struct worker *w) {
	int64_t most = atomic_load_explicit(&worker_connection_limit(w)->most, memory_order_relaxed);
	return most > 0 ? (uint64_t)most : 0;
}
