#include "common/relay/serve_parts.h"

#include "common/base/logger.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const char stopping[] = "the node is stopping";

void relay_server_init(struct relay_server *s, struct worker *w, const struct relay_node *self) {
	*s = (struct relay_server){.worker = w, .self = self};
	list_init(&s->coming);
	list_init(&s->links);
}

struct link *relay_server_link(struct relay_server *s, uint64_t id) {
	list_each (node, &s->links) {
		struct link *l = list_entry(node, struct link, node);
		if (l->id == id)
			return l;
	}
	return NULL;
}

void serve_refuse(struct serve *s, uint64_t id, Weir__Relay__Reason reason, const char *why) {
	Weir__Relay__Refused h_body = WEIR__RELAY__REFUSED__INIT;
	h_body.id = id;
	h_body.reason = reason;
	h_body.why = (char *)why;
	RELAY_HEADER(h, refused, REFUSED);
	link_send(s->link, &h, (struct slice){0});
}

static int on_message(struct link *l, const struct relay_message *m) {
	struct serve *s = l->serve;
	const Weir__Relay__Header *h = m->header;
	switch (h->body_case) {
	case WEIR__RELAY__HEADER__BODY_SUBSCRIBE:
		serve_subscribe(s, h->subscribe);
		return 0;
	case WEIR__RELAY__HEADER__BODY_UNSUBSCRIBE:
		serve_unsubscribe(s, h->unsubscribe->id);
		return 0;
	case WEIR__RELAY__HEADER__BODY_PUBLISH:
		serve_publish(s, h->publish);
		return 0;
	case WEIR__RELAY__HEADER__BODY_SAMPLE:
		return serve_sample(s, m);
	case WEIR__RELAY__HEADER__BODY_UNPUBLISH:
		serve_unpublish(s, h->unpublish->id);
		return 0;
	case WEIR__RELAY__HEADER__BODY_LOCATE:
		serve_locate(s, h->locate);
		return 0;
	case WEIR__RELAY__HEADER__BODY_FETCH:
		serve_fetch(s, h->fetch);
		return 0;
	default: /* Load, and what only a puller hears: nothing to do */
		return s->server->on_message ? s->server->on_message(s->server, l, m) : 0;
	}
}

static void on_ready(struct link *l) {
	struct relay_server *server = l->owner;
	list_remove(&l->node);
	list_append(&server->links, &l->node);
	if (server->draining)
		serve_drain(server, l);
	if (server->greet)
		server->greet(server, l);
}

static void on_writable(struct link *l) {
	serve_subscriptions_writable(l->serve);
	serve_fetches_writable(l->serve);
}

static void on_closed(struct link *l) {
	struct serve *s = l->serve;
	l->serve = NULL;
	serve_subscriptions_end(s);
	serve_uploads_end(s);
	serve_fetches_end(s);
	free(s);
}

static const struct link_ops serving = {
    .on_ready = on_ready, .on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};

void relay_server_accept(struct relay_server *s, struct listener *listener, void (*on_here)(struct link *)) {
	struct link *l = link_accept(listener, s->self, on_here);
	if (l)
		list_append(&s->coming, &l->node);
}

void relay_serve(struct relay_server *server, struct link *l) {
	struct serve *s = calloc(1, sizeof *s);
	if (!s) {
		link_close(l, "out of memory");
		return;
	}
	*s = (struct serve){.link = l, .server = server};
	list_init(&s->fetches);
	l->id = ++server->next_link_id;
	l->serve = s;
	l->owner = server;
	l->ops = &serving;
	list_remove(&l->node);
	list_append(&server->coming, &l->node);
	if (worker_stopping(server->worker)) /* it was on its way here */
		link_close(l, stopping);
}

void relay_server_stop(struct relay_server *s) {
	list_each (node, &s->coming)
		link_close(list_entry(node, struct link, node), stopping);
	list_each (node, &s->links)
		link_close(list_entry(node, struct link, node), stopping);
}

void relay_announce(struct relay_server *s, uint64_t link_id, const struct stream_name *name, uint64_t epoch) {
	Weir__Relay__Announce h_body = WEIR__RELAY__ANNOUNCE__INIT;
	h_body.stream = (char *)name->text;
	h_body.epoch = epoch;
	h_body.node = (char *)s->self->id;
	RELAY_HEADER(h, announce, ANNOUNCE);
	struct bytes *block = relay_pack(&h, (struct slice){0});
	if (!block) {
		log_error("a claim could not be announced: out of memory", log_str("stream", name->text));
		return;
	}
	list_each (node, &s->links) {
		struct link *l = list_entry(node, struct link, node);
		if (!link_id || l->id == link_id)
			link_send_block(l, block);
	}
	bytes_unref(&block);
}

void relay_server_each(struct relay_server *s, void (*fn)(const struct link *, void *context), void *context) {
	list_each (node, &s->links)
		fn(list_entry(node, struct link, node), context);
}
