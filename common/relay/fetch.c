#include "common/relay/fetch.h"

#include "common/relay/convert.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static void ask(struct fetch *f) {
	Weir__Relay__Fetch h_body = WEIR__RELAY__FETCH__INIT;
	h_body.id = f->id;
	h_body.stream = f->name.text;
	h_body.rendition = f->rendition;
	h_body.epoch = f->left.from_epoch;
	h_body.from = f->left.from;
	h_body.to_epoch = f->left.to_epoch;
	h_body.to = f->left.to;
	RELAY_HEADER(h, fetch, FETCH);
	link_send(f->upstream->link, &h, (struct slice){0});
}

int fetch_begin(struct fetch *f, struct upstream *u, const struct stream_name *name, const char *rendition,
                const struct fetch_range *range, const struct fetch_ops *ops) {
	if (strlen(rendition) >= sizeof f->rendition)
		return UV_EINVAL;
	*f = (struct fetch){.upstream = u, .ops = ops, .name = *name, .left = *range, .id = ++u->next_id};
	snprintf(f->rendition, sizeof f->rendition, "%s", rendition);
	HASH_ADD(hh, u->fetches, id, sizeof f->id, f);
	if (!HASH_ADDED(hh, f)) {
		f->upstream = NULL;
		return UV_ENOMEM;
	}
	ask(f);
	return 0;
}

void fetch_end(struct fetch *f) {
	if (!f->upstream)
		return;
	HASH_DELETE(hh, f->upstream->fetches, f);
	f->upstream = NULL;
	tracks_unref(&f->tracks);
}

static void done(struct fetch *f, int status) {
	fetch_end(f);
	f->ops->on_done(f, status);
}

/* One message of an answer. What is no entry is passed over, as on a link. */
static int on_message(void *context, const struct relay_message *m) {
	struct fetch *f = context;
	struct entry *e;
	if (m->header->body_case == WEIR__RELAY__HEADER__BODY_TRACKS) {
		struct tracks *tracks;
		int err = relay_read_tracks(&tracks, m);
		if (err)
			return err;
		tracks_unref(&f->tracks);
		f->tracks = tracks;
		return 0;
	}
	int err = relay_read_entry(&e, m, f->tracks);
	if (err)
		return err == UV_ENOTSUP ? 0 : err;
	f->ops->on_entry(f, e);
	return f->upstream ? 0 : UV_ECANCELED;
}

void fetch_on_answer(struct upstream *u, const struct relay_message *m) {
	const Weir__Relay__Fetched *answer = m->header->fetched;
	struct fetch *f;
	uint64_t id = answer->id;
	HASH_FIND(hh, u->fetches, &id, sizeof id, f);
	if (!f)
		return; /* nobody waits for it any more */
	struct relay_reader reader;
	relay_reader_init(&reader, on_message, f);
	int err = relay_reader_feed(&reader, m->payload.data, m->payload.size);
	relay_reader_fini(&reader);
	if (err == UV_ECANCELED)
		return; /* ended from within: the memory may be gone */
	uint64_t next_epoch = answer->next_epoch ? answer->next_epoch : f->left.from_epoch;
	bool goes_on = answer->next && (next_epoch > f->left.from_epoch ||
	                                (next_epoch == f->left.from_epoch && answer->next > f->left.from));
	if (err || !goes_on) { /* a next that is no progress would be asked for ever */
		done(f, err ? err : answer->next ? UV_EPROTO : 0);
		return;
	}
	f->left.from_epoch = next_epoch;
	f->left.from = answer->next;
	ask(f);
}

bool fetch_on_refused(struct upstream *u, const Weir__Relay__Refused *m) {
	struct fetch *f;
	uint64_t id = m->id;
	HASH_FIND(hh, u->fetches, &id, sizeof id, f);
	if (f)
		done(f, m->reason == WEIR__RELAY__REASON__REASON_NOT_FOUND ? UV_ENOENT : UV_EBUSY);
	return f != NULL;
}

void fetches_lost(struct upstream *u) {
	while (u->fetches)
		done(u->fetches, UV_ECONNRESET);
}
