#include "common/stream/flush.h"

#include "common/stream/cursor.h"

#include <assert.h>
#include <uv.h>

enum {
	SLICE_US = 1000,
	LOOK_EVERY = 16, /* viewers: how often the clock is looked at */
	YOUNG = 5,       /* slices: a pass that has taken no more begins anew */
};

static uint64_t now_us(void) {
	return uv_hrtime() / 1000;
}

/* A pass begins, or begins anew: whom it has served already goes before the others. The order stays what it was. */
static void begin_pass(struct log *l) {
	struct flush *f = &l->flush;
	f->due = false;
	pace_flushed(&l->pace);
	if (l->on_wait)
		l->on_wait(l, false);
	if (list_empty(&f->waiting))
		f->slices = 0;
	list_splice(&l->paced, &f->waiting);
	list_splice(&f->waiting, &l->paced);
}

/* Each goes back to where it will wait next before it reads, for it may close itself, and be freed, while it does. */
static void serve_slice(struct log *l) {
	struct flush *f = &l->flush;
	struct busy_fanout done = {0};
	uint64_t began_us = now_us();
	f->slices++;
	while (!list_empty(&f->waiting)) {
		if (done.sends % LOOK_EVERY == LOOK_EVERY - 1 && now_us() - began_us >= SLICE_US)
			break;
		struct cursor *c = list_entry(f->waiting.next, struct cursor, node);
		done.sends++;
		done.items += l->next - c->position;
		list_remove(&c->node);
		cursor_wait(c);
		c->on_ready(c);
	}
	done.us = now_us() - began_us;
	busy_fanned_out(&l->worker->busy, &done);
}

static void serve(struct turn_task *task) {
	struct log *l = list_entry(task, struct log, flush.task);
	struct flush *f = &l->flush;
	if (f->due && (list_empty(&f->waiting) || f->slices <= YOUNG))
		begin_pass(l);
	joined_make(l, &f->waiting);
	serve_slice(l);
	if (list_empty(&f->waiting))
		joined_drop(l);
	if (f->due || !list_empty(&f->waiting))
		worker_at_next_turn(l->worker, task);
}

void flush_init(struct log *l) {
	turn_task_init(&l->flush.task, serve);
	list_init(&l->flush.waiting);
}

void flush_ask(struct log *l) {
	l->flush.due = true;
	worker_at_turn_end(l->worker, &l->flush.task);
}

void flush_fini(struct log *l) {
	assert(list_empty(&l->flush.waiting));
	list_remove(&l->flush.task.node);
	joined_drop(l);
}
