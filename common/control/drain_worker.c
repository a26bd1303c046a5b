#include "common/control/drain_worker.h"
#include "common/control/node.h"

#include "common/base/logger.h"

enum {
	LOOK_MS = 100,
	KEYFRAME_MS = 5000,   /* a viewer's wait for its keyframe, before it is closed without one */
	LAST_WORDS_MS = 500,  /* before the node ends, whoever is still here is closed with a word */
	SUBSCRIBERS_MS = 5000 /* nodes that have no better place do not hold us up for longer */
};

static const struct config_node *config_of(const struct node_worker *n) {
	return config_node(n->node->config);
}

/* Once: when `due_ms` of the drain have gone, or it is about to end. */
static bool is_time(const struct node_worker *n, bool *done, uint64_t due_ms) {
	const struct drain *d = &n->node->drain;
	if (*done || (drain_elapsed_ms(d) < due_ms && drain_remaining_ms(d) > LAST_WORDS_MS))
		return false;
	*done = true;
	return true;
}

static void end_viewers(struct node_worker *n, bool at_keyframe) {
	rtmp_server_end_viewers(&n->rtmp, at_keyframe);
	if (n->node->role->end_viewers)
		n->node->role->end_viewers(n, at_keyframe);
}

static void ask_and_end(struct node_worker *n) {
	const struct config_node *c = config_of(n);
	struct drain_worker *w = &n->drain;
	uint64_t notice = (uint64_t)c->node_drain_notice, viewer = notice + (uint64_t)c->node_drain_viewer;
	if (is_time(n, &w->asked, notice))
		rtmp_server_ask_to_move(&n->rtmp, c->node_drain_redirect);
	if (is_time(n, &w->publishers_ended, notice + (uint64_t)c->node_drain_publisher)) {
		rtmp_server_end_publishers(&n->rtmp);
		relay_server_end_publishers(&n->relay);
	}
	if (is_time(n, &w->viewers_ended, viewer))
		end_viewers(n, drain_remaining_ms(&n->node->drain) > LAST_WORDS_MS);
	if (is_time(n, &w->viewers_cut, viewer + KEYFRAME_MS))
		end_viewers(n, false);
}

/* Subscriptions count as long as streams may still move, and no longer. */
static void count(struct node_worker *n) {
	uint64_t now = worker_now_ms(n->worker);
	struct rtmp_left rtmp = rtmp_server_left(&n->rtmp);
	struct relay_left relay = relay_server_left(&n->relay);
	struct drain_left left = {
	    .of = {[DRAIN_PUBLISHERS] = rtmp.publishers + relay.publishers, [DRAIN_VIEWERS] = rtmp.viewers}};
	if (n->node->role->count_left)
		n->node->role->count_left(n, &left);
	if (left.of[DRAIN_PUBLISHERS] || left.of[DRAIN_VIEWERS] || left.of[DRAIN_PLAYERS])
		n->drain.busy_ms = now;
	if (now - n->drain.busy_ms < SUBSCRIBERS_MS)
		left.of[DRAIN_SUBSCRIPTIONS] = relay.subscriptions;
	drain_set_left(&n->node->drain, n->worker->index, &left);
}

static void on_look(struct timer *t) {
	struct node_worker *n = node_worker_of(t->worker);
	ask_and_end(n);
	count(n);
	if (timer_start(t, LOOK_MS))
		log_error("the drain goes on by its limit alone: out of memory", log_u64("worker", n->worker->index));
}

void drain_worker_init(struct node_worker *n) {
	timer_init(&n->drain.look, n->worker, on_look);
}

void drain_worker_begin(struct worker *w, struct message *m) {
	struct node_worker *n = node_worker_of(w);
	(void)m; /* the node's */
	if (!n || worker_stopping(w))
		return;
	n->drain.busy_ms = worker_now_ms(w);
	if (w->index == 0)
		registry_set_draining(&n->node->registry, true);
	rtmp_server_drain(&n->rtmp);
	http_server_drain(&n->http);
	relay_server_drain(&n->relay, drain_remaining_ms(&n->node->drain));
	on_look(&n->drain.look);
}

void drain_worker_stop(struct node_worker *n) {
	timer_stop(&n->drain.look);
}
