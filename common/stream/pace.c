#include "common/stream/pace.h"

void pace_init(struct pace *p, struct worker *w, timer_fn on_due) {
	*p = (struct pace){0};
	timer_init(&p->timer, w, on_due);
}

uint64_t pace_interval_ms(const struct pace_rule *rule, double pressure) {
	uint64_t ms =
	    (uint64_t)(rule->merge_ms == PACE_ADAPTIVE ? pressure * (double)rule->most_ms : (double)rule->merge_ms);
	return ms < PACE_LEAST_MS ? 0 : ms;
}

uint64_t pace_wait_ms(uint64_t now_ms, uint64_t interval_ms, uint64_t phase) {
	return interval_ms - (now_ms + phase % interval_ms) % interval_ms;
}

/* Addresses of allocations differ by round numbers; a multiplication by a big odd one spreads them. */
static uint64_t phase_of(const struct pace *p) {
	return (uint64_t)(uintptr_t)p * 0x9e3779b97f4a7c15u >> 32;
}

bool pace_item(struct pace *p, size_t size_bytes, bool is_last) {
	struct worker *w = p->timer.worker;
	uint64_t interval = pace_interval_ms(&p->rule, w->busy.busy.pressure);
	p->waiting_bytes += size_bytes;
	if (interval == 0 || is_last || p->waiting_bytes >= PACE_BYTES_MOST)
		return true;
	if (timer_running(&p->timer))
		return false;
	return timer_start(&p->timer, pace_wait_ms(worker_now_ms(w), interval, phase_of(p))) != 0;
}

void pace_flushed(struct pace *p) {
	timer_stop(&p->timer);
	p->waiting_bytes = 0;
}
