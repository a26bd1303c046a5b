/*
 * packaging_asks.c: those who ask: each finds its packaging, waits there for what it wants, and is answered in time.
 */
#include "edge/edge.h"
#include "edge/packaging_parts.h"

#include <string.h>

/* --- waiting --- */

void packaging_forget_asks(struct packaging *p, int status, const char *code, const char *message) {
	while (!list_empty(&p->asks)) {
		struct package_ask *a = list_entry(p->asks.next, struct package_ask, node);
		packaging_drop(a);
		if (a->begun)
			package_answer(a, &(struct package_answer){.status = 200, .broken = true});
		else
			package_answer_error(a, status, code, message);
	}
}

/* Most asks are answered at once: so there is one timer for all of them, and it is left to run. 0 or UV_ENOMEM. */
static int watch_overdue(struct packaging *p, uint64_t due_ms) {
	if (timer_running(&p->overdue) && p->overdue.due_ms <= due_ms)
		return 0;
	return timer_start(&p->overdue, due_ms - worker_now_ms(p->worker));
}

void packaging_on_overdue(struct timer *t) {
	struct packaging *p = list_entry(t, struct packaging, overdue);
	uint64_t now_ms = worker_now_ms(p->worker);
	struct list due;
	list_init(&due);
	list_each (node, &p->asks) {
		struct package_ask *a = list_entry(node, struct package_ask, node);
		if (a->due_ms > now_ms) {
			watch_overdue(p, a->due_ms); /* its slot in the heap is free: this allocates nothing */
			continue;
		}
		list_remove(node);
		list_append(&due, node);
	}
	while (!list_empty(&due))
		packaging_overdue(p, list_entry(due.next, struct package_ask, node)); /* takes it out of the list */
}

void packaging_wait_anew(struct packaging *p) {
	uint64_t patience_ms = packaging_patience_ms(p);
	if (list_empty(&p->asks))
		return;
	list_each (node, &p->asks)
		list_entry(node, struct package_ask, node)->due_ms = worker_now_ms(p->worker) + patience_ms;
	timer_start(&p->overdue, patience_ms); /* it runs: no memory */
}

/* Each is in the list when it is looked at, so that it may wait on. */
void packaging_look_at_all(struct packaging *p) {
	struct list pending;
	list_init(&pending);
	list_splice(&pending, &p->asks);
	while (!list_empty(&pending)) {
		struct package_ask *a = list_entry(pending.next, struct package_ask, node);
		list_remove(&a->node);
		list_append(&p->asks, &a->node);
		packaging_look(p, a);
	}
}

/* --- coming and going --- */

static struct packaging *find(const struct edge *e, const struct stream_name *name) {
	struct packaging *p;
	HASH_FIND_STR(e->packagings.table, name->text, p);
	return p;
}

static bool has_segment(const struct packaging *p, const struct package_question *q) {
	struct segment_name n = q->media;
	bool guessed;
	return p && p->store && segment_store_resolve(p->store, q->track, &n, &guessed) == SEGMENT_HERE &&
	       segment_store_find(p->store, q->track, n.epoch, n.number);
}

/* The one whose run has that segment. */
static struct packaging *find_with(struct edge *e, const struct package_question *q) {
	struct packaging *p = find(e, &q->name);
	if (q->what != PACKAGE_MEDIA || has_segment(p, q))
		return p;
	list_each (node, &e->packagings.ended) {
		struct packaging *old = list_entry(node, struct packaging, ended_node);
		if (strcmp(old->name.text, q->name.text) == 0 && has_segment(old, q))
			return old;
	}
	return p;
}

/* A node that drains answers those who watch already, here or (a balancer may be late) elsewhere, and no new ones; and
 * tells everybody where else to go. */
static bool is_refused(const struct edge *e, const struct packaging *p, const struct package_question *q) {
	bool is_new = q->what != PACKAGE_MEDIA && q->what != PACKAGE_STEERING && !q->session[0];
	return e->base.http.draining && is_new && !(p && http_sessions_known(&p->sessions, q));
}

void packaging_take(struct package_ask *a) {
	struct edge *e = edge_of(a->home);
	struct packaging *p = worker_stopping(a->home) ? NULL : find_with(e, &a->question);
	if (is_refused(e, p, &a->question)) {
		package_answer_error(a, 503, PACKAGE_DRAINING, "the node is draining: ask again");
		return;
	}
	if (!p && !worker_stopping(a->home))
		p = packaging_new(e, &a->question.name);
	if (p)
		a->due_ms = worker_now_ms(p->worker) + packaging_patience_ms(p);
	if (!p || watch_overdue(p, a->due_ms)) {
		package_answer_error(a, 503, "unavailable", p ? "out of memory" : "the node is stopping, or out of memory");
		return;
	}
	list_append(&p->asks, &a->node);
	p->asked_ms = worker_now_ms(p->worker);
	if (p->phase == PACKAGING_ENDED)
		packaging_watch_for_next(p);
	packaging_look(p, a);
}

void packaging_drop(struct package_ask *a) {
	list_remove(&a->node);
}
