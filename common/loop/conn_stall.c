/*
 * conn_stall.c: peers that take nothing of what waits for them. No timer runs for a conn that was never full.
 */
#include "common/loop/conn_parts.h"

/* Not stopped when the kernel has room again, for it may well be full once more before it is due. */
static void on_stall_due(struct timer *t) {
	struct conn *c = list_entry(t, struct conn, stall);
	uint64_t passed = worker_now_ms(c->worker) - c->last_written_ms;
	if (!c->writing || c->lingering)
		return;
	int err = passed >= c->stall_ms ? UV_ETIMEDOUT : timer_start(t, c->stall_ms - passed);
	if (err)
		c->ops->on_end(c, err);
}

void conn_stall_init(struct conn *c) {
	timer_init(&c->stall, c->worker, on_stall_due);
}

int conn_stall_watch(struct conn *c) {
	return c->stall_ms && !timer_running(&c->stall) ? timer_start(&c->stall, c->stall_ms) : 0;
}

void conn_watch_stall(struct conn *c, uint32_t ms) {
	c->stall_ms = ms;
	if (!ms && !c->lingering)
		timer_stop(&c->stall);
	if (c->writing && conn_stall_watch(c))
		conn_close(c);
}

bool conn_stalled(const struct conn *c) {
	return c->writing && c->stall_ms && worker_now_ms(c->worker) - c->last_written_ms >= c->stall_ms;
}
