/* serve_drain.c: the serving side of a node that drains: linked nodes are told, and their publishers sent elsewhere. */
#include "common/relay/serve_parts.h"

void serve_drain(struct relay_server *s, struct link *l) {
	Weir__Relay__Drain h_body = WEIR__RELAY__DRAIN__INIT;
	uint64_t now = worker_now_ms(s->worker);
	h_body.seconds = s->drain_until_ms > now ? (uint32_t)((s->drain_until_ms - now + 999) / 1000) : 0;
	RELAY_HEADER(h, drain, DRAIN);
	link_send(l, &h, (struct slice){0});
}

void relay_server_drain(struct relay_server *s, uint64_t limit_ms) {
	s->draining = true;
	s->drain_until_ms = worker_now_ms(s->worker) + limit_ms;
	list_each (node, &s->links)
		serve_drain(s, list_entry(node, struct link, node));
}

void relay_server_end_publishers(struct relay_server *s) {
	list_each (node, &s->links)
		serve_uploads_stop(list_entry(node, struct link, node)->serve);
}

struct relay_left relay_server_left(const struct relay_server *s) {
	struct relay_left left = {0};
	list_each (node, &s->links) {
		const struct serve *serve = list_entry(node, struct link, node)->serve;
		left.publishers += serve_uploads_count(serve);
		left.subscriptions += serve_subscriptions_count(serve);
	}
	return left;
}
