#include "common/relay/pull.h"

#include "common/base/logger.h"
#include "common/relay/convert.h"
#include "common/relay/lull.h"

#include <uv.h>

int pull_begin(struct pull *p, struct upstream *u, struct rendition *r, int64_t history_us,
               const struct pull_ops *ops) {
	p->ops = ops;
	p->rendition = r;
	p->id = ++u->next_id;
	p->handle = 0;
	p->upstream = u;
	HASH_ADD(hh, u->pulls, id, sizeof p->id, p);
	if (!HASH_ADDED(hh, p)) {
		p->upstream = NULL;
		return UV_ENOMEM;
	}
	lull_watch(p);
	Weir__Relay__Subscribe h_body = WEIR__RELAY__SUBSCRIBE__INIT;
	h_body.id = p->id;
	h_body.stream = r->stream->name.text;
	h_body.rendition = r->name;
	h_body.epoch = r->epoch;
	h_body.sequence = r->sequence;
	h_body.after_us = r->stream->highest_us;
	h_body.newest_number =
	    r->stream->told_number > r->stream->segment_number ? r->stream->told_number : r->stream->segment_number;
	h_body.history_us = history_us;
	RELAY_HEADER(h, subscribe, SUBSCRIBE);
	link_send(u->link, &h, (struct slice){0});
	return 0;
}

/* Out of the tables: nothing more is heard. */
static void leave(struct pull *p) {
	struct upstream *u = p->upstream;
	lull_unwatch(p);
	HASH_DELETE(hh, u->pulls, p);
	if (p->handle)
		HASH_DELETE(hh_handle, u->pulls_by_handle, p);
	p->handle = 0;
	p->upstream = NULL;
	tracks_unref(&p->tracks);
}

void pull_end(struct pull *p) {
	struct upstream *u = p->upstream;
	if (!u)
		return;
	Weir__Relay__Unsubscribe h_body = WEIR__RELAY__UNSUBSCRIBE__INIT;
	h_body.id = p->id;
	RELAY_HEADER(h, unsubscribe, UNSUBSCRIBE);
	leave(p);
	if (u->link)
		link_send(u->link, &h, (struct slice){0});
}

static void accepted(struct pull *p, const Weir__Relay__Accepted *m) {
	struct pull *same;
	uint64_t handle = m->handle;
	HASH_FIND(hh_handle, p->upstream->pulls_by_handle, &handle, sizeof handle, same);
	if (p->handle || same || !handle)
		return; /* answered twice, or with another's handle */
	p->handle = handle;
	HASH_ADD(hh_handle, p->upstream->pulls_by_handle, handle, sizeof p->handle, p);
	if (!HASH_ADDED(hh_handle, p)) {
		p->handle = 0;
		link_close(p->upstream->link, "out of memory");
		return;
	}
	p->ops->on_accepted(p, m->epoch, m->waiting);
}

static void refused(struct pull *p, const Weir__Relay__Refused *m) {
	leave(p);
	p->ops->on_refused(p, m->reason == WEIR__RELAY__REASON__REASON_NOT_FOUND, m->why);
}

bool pull_on_answer(struct upstream *u, const Weir__Relay__Header *h) {
	struct pull *p = NULL;
	uint64_t id = h->body_case == WEIR__RELAY__HEADER__BODY_ACCEPTED  ? h->accepted->id
	              : h->body_case == WEIR__RELAY__HEADER__BODY_REFUSED ? h->refused->id
	                                                                  : 0;
	HASH_FIND(hh, u->pulls, &id, sizeof id, p);
	if (!p)
		return false;
	if (h->body_case == WEIR__RELAY__HEADER__BODY_ACCEPTED)
		accepted(p, h->accepted);
	else
		refused(p, h->refused);
	return true;
}

/* The stream that a message is of; 0 for messages that are of none. */
static uint64_t handle_of(const Weir__Relay__Header *h) {
	switch (h->body_case) {
	case WEIR__RELAY__HEADER__BODY_TRACKS:
		return h->tracks->handle;
	case WEIR__RELAY__HEADER__BODY_MEDIA:
		return h->media->handle;
	case WEIR__RELAY__HEADER__BODY_MARK:
		return h->mark->handle;
	case WEIR__RELAY__HEADER__BODY_PROGRESS:
		return h->progress->handle;
	case WEIR__RELAY__HEADER__BODY_END:
		return h->end->handle;
	case WEIR__RELAY__HEADER__BODY_WAITING:
		return h->waiting->handle;
	default:
		return 0;
	}
}

static int take_tracks(struct pull *p, const struct relay_message *m) {
	const Weir__Relay__Tracks *t = m->header->tracks;
	if (p->tracks && p->tracks->revision == t->revision && p->tracks->run == t->run)
		return 0; /* told again with each mark, for those who begin there */
	struct tracks *tracks;
	int err = relay_read_tracks(&tracks, m);
	if (err)
		return err;
	tracks_unref(&p->tracks);
	p->tracks = tracks;
	return 0;
}

static int take_entry(struct pull *p, const struct relay_message *m) {
	struct entry *e;
	int err = relay_read_entry(&e, m, p->tracks);
	if (err)
		return err == UV_ENOMEM ? err : UV_EPROTO;
	err = stream_append(p->rendition, e);
	if (err == UV_EALREADY || err == UV_EPROTO) { /* a repeat, or what is before a new epoch's first mark */
		p->refused++;
		return 0;
	}
	return err;
}

/* The origin's own End goes into the log: it knows where the tracks end even if frames were lost on the way. */
static int ended(struct pull *p, const struct relay_message *m) {
	bool ours = p->rendition->epoch == m->header->end->epoch && p->rendition->sequence;
	int err = ours ? take_entry(p, m) : 0;
	if (err == UV_EPROTO)
		return err;
	leave(p);
	p->ops->on_end(p, m->header->end->reason); /* without memory for its entry the role makes one of its own */
	return 0;
}

int pull_on_message(struct upstream *u, const struct relay_message *m) {
	const Weir__Relay__Header *h = m->header;
	uint64_t handle = handle_of(h);
	struct pull *p = NULL;
	if (handle)
		HASH_FIND(hh_handle, u->pulls_by_handle, &handle, sizeof handle, p);
	if (!p)
		return 0; /* on its way when we unsubscribed */
	switch (h->body_case) {
	case WEIR__RELAY__HEADER__BODY_TRACKS:
		return take_tracks(p, m);
	case WEIR__RELAY__HEADER__BODY_WAITING:
		p->ops->on_waiting(p, h->waiting->waiting);
		return 0;
	case WEIR__RELAY__HEADER__BODY_END:
		return ended(p, m);
	default:
		return take_entry(p, m);
	}
}

void pulls_lost(struct upstream *u) {
	while (u->pulls) {
		struct pull *p = u->pulls;
		leave(p);
		p->ops->on_lost(p);
	}
}
