#include "common/relay/push.h"

#include "common/relay/convert.h"

#include <uv.h>

int push_begin(struct push *p, struct upstream *u, const struct publish_request *request, const struct push_ops *ops) {
	*p = (struct push){.upstream = u, .ops = ops, .id = ++u->next_id};
	HASH_ADD(hh, u->pushes, id, sizeof p->id, p);
	if (!HASH_ADDED(hh, p)) {
		p->upstream = NULL;
		return UV_ENOMEM;
	}
	Weir__Relay__Publish h_body = WEIR__RELAY__PUBLISH__INIT;
	h_body.id = p->id;
	h_body.stream = (char *)request->name.text;
	h_body.query = (char *)request->query;
	h_body.remote = (char *)request->remote;
	h_body.protocol = (char *)request->protocol;
	h_body.session = (char *)request->session;
	RELAY_HEADER(h, publish, PUBLISH);
	link_send(u->link, &h, (struct slice){0});
	return 0;
}

void push_samples(struct push *p, const struct sample *samples, size_t count) {
	for (size_t i = 0; i < count && p->upstream && p->upstream->link; i++) {
		struct buffer out;
		buffer_init(&out, 0);
		relay_write_sample(&out, &samples[i], p->id);
		struct bytes *block = buffer_take(&out);
		buffer_fini(&out);
		if (!block) {
			link_close(p->upstream->link, "out of memory");
			return;
		}
		link_send_block(p->upstream->link, block);
		bytes_unref(&block);
	}
}

static void leave(struct push *p) {
	HASH_DELETE(hh, p->upstream->pushes, p);
	p->upstream = NULL;
}

void push_end(struct push *p) {
	struct upstream *u = p->upstream;
	if (!u)
		return;
	Weir__Relay__Unpublish h_body = WEIR__RELAY__UNPUBLISH__INIT;
	h_body.id = p->id;
	RELAY_HEADER(h, unpublish, UNPUBLISH);
	leave(p);
	if (u->link)
		link_send(u->link, &h, (struct slice){0});
}

static enum publish_refusal refusal_of(Weir__Relay__Reason reason) {
	switch (reason) {
	case WEIR__RELAY__REASON__REASON_BAD_NAME:
		return PUBLISH_BAD_NAME;
	case WEIR__RELAY__REASON__REASON_DENIED:
		return PUBLISH_DENIED;
	case WEIR__RELAY__REASON__REASON_REPLACED:
		return PUBLISH_REPLACED;
	case WEIR__RELAY__REASON__REASON_DRAINING:
		return PUBLISH_ELSEWHERE;
	default:
		return PUBLISH_UNAVAILABLE;
	}
}

static void over(struct push *p, enum publish_refusal refusal, const char *why) {
	leave(p);
	p->ops->on_over(p, refusal, why);
}

bool push_on_answer(struct upstream *u, const Weir__Relay__Header *h) {
	struct push *p = NULL;
	uint64_t id = h->body_case == WEIR__RELAY__HEADER__BODY_ACCEPTED  ? h->accepted->id
	              : h->body_case == WEIR__RELAY__HEADER__BODY_REFUSED ? h->refused->id
	              : h->body_case == WEIR__RELAY__HEADER__BODY_STOPPED ? h->stopped->id
	                                                                  : 0;
	HASH_FIND(hh, u->pushes, &id, sizeof id, p);
	if (!p)
		return false;
	if (h->body_case == WEIR__RELAY__HEADER__BODY_REFUSED) {
		over(p, refusal_of(h->refused->reason), h->refused->why);
	} else if (h->body_case == WEIR__RELAY__HEADER__BODY_STOPPED) {
		over(p, refusal_of(h->stopped->reason), h->stopped->why);
	} else if (!p->accepted) {
		p->accepted = true;
		p->ops->on_accepted(p, h->accepted->epoch);
	}
	return true;
}

void pushes_lost(struct upstream *u) {
	while (u->pushes)
		over(u->pushes, PUBLISH_ELSEWHERE, "the link to the origin was lost");
}

void pushes_draining(struct upstream *u) {
	struct push *p, *next;
	HASH_ITER(hh, u->pushes, p, next) {
		p->ops->on_drain(p);
	}
}
