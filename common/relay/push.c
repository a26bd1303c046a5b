#include "common/relay/push.h"

#include "common/relay/convert.h"

#include <uv.h>

/* --- in order, and no more than the link has room for --- */

/* Publish and Unpublish travel among the samples: what follows an Unpublish may be the next Publish of that name. Takes
 * the reference; NULL: memory is out. `waits`: it does. 0 or UV_ENOMEM. */
static int send_in_order(struct upstream *u, uint64_t id, struct bytes *block, bool *waits) {
	int err = block ? 0 : UV_ENOMEM;
	*waits = block && (u->backlog.count || link_full(u->link));
	if (*waits)
		err = backlog_add(&u->backlog, id, block);
	else if (block)
		link_send_block(u->link, block);
	bytes_unref(&block);
	return err;
}

/* One of the messages without which the other node knows nothing of the push, or goes on with it for ever. */
static void send_word(struct upstream *u, uint64_t id, const Weir__Relay__Header *h) {
	bool waits;
	if (send_in_order(u, id, relay_pack(h, (struct slice){0}), &waits))
		link_close(u->link, "out of memory");
}

static struct push *find(const struct upstream *u, uint64_t id) {
	struct push *p;
	HASH_FIND(hh, u->pushes, &id, sizeof id, p);
	return p;
}

void pushes_writable(struct upstream *u) {
	struct link *l = u->link;
	struct backlog_item item;
	while (!link_full(l) && backlog_take(&u->backlog, &item)) { /* a link that breaks is full */
		struct push *p = find(u, item.owner);
		size_t size = item.block->size;
		if (p) /* its Publish was not counted */
			p->waiting -= size < p->waiting ? size : p->waiting;
		link_send_block(l, item.block);
		bytes_unref(&item.block);
	}
}

/* --- a push --- */

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
	send_word(u, p->id, &h);
	return 0;
}

static struct bytes *pack(const struct sample *sample, uint64_t id) {
	struct buffer out;
	buffer_init(&out, 0);
	relay_write_sample(&out, sample, id);
	struct bytes *block = buffer_take(&out);
	buffer_fini(&out);
	return block;
}

static int send_sample(struct push *p, const struct sample *sample) {
	struct bytes *block = pack(sample, p->id);
	size_t size = block ? block->size : 0;
	bool waits;
	int err = send_in_order(p->upstream, p->id, block, &waits);
	if (!err && waits)
		p->waiting += size;
	return err;
}

int push_samples(struct push *p, const struct sample *samples, size_t count) {
	int err = p->waiting >= PUSH_WAITING_MAX ? UV_ENOBUFS : 0;
	for (size_t i = 0; i < count && !err && p->upstream && p->upstream->link; i++)
		err = send_sample(p, &samples[i]);
	if (!err || !p->upstream)
		return 0;
	backlog_drop(&p->upstream->backlog, p->id);
	p->waiting = 0;
	return err;
}

static void leave(struct push *p) {
	HASH_DELETE(hh, p->upstream->pushes, p);
	p->upstream = NULL;
	p->waiting = 0;
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
		send_word(u, h_body.id, &h);
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
	uint64_t id = h->body_case == WEIR__RELAY__HEADER__BODY_ACCEPTED  ? h->accepted->id
	              : h->body_case == WEIR__RELAY__HEADER__BODY_REFUSED ? h->refused->id
	              : h->body_case == WEIR__RELAY__HEADER__BODY_STOPPED ? h->stopped->id
	                                                                  : 0;
	struct push *p = find(u, id);
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
	backlog_fini(&u->backlog);
	while (u->pushes)
		over(u->pushes, PUBLISH_ELSEWHERE, "the link to the origin was lost");
}

void pushes_draining(struct upstream *u) {
	struct push *p, *next;
	HASH_ITER(hh, u->pushes, p, next) {
		p->ops->on_drain(p);
	}
}
