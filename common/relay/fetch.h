/*
 * fetch.h: entries of a stream's log at a node above, asked for once: history, and what a link that lagged left out.
 *
 *     fetch_begin → on_entry… → on_done ;  or fetch_end at any time
 *
 * What comes goes to who asked, not into a log. An answer holds about a mebibyte; the next is asked for by itself, so
 * that a long history never floods a link. On the link's worker.
 */
#pragma once

#include "common/relay/pool.h"
#include "common/stream/entry.h"

#include "common/base/hash.h"

struct fetch;

struct fetch_ops {
	/* An entry in order, with epoch and sequence set; the receiver owns the reference. It may call fetch_end. */
	void (*on_entry)(struct fetch *, struct entry *e);
	/* Over. 0: all that is kept of the range has come. UV_ECONNRESET: the link is gone; UV_ENOENT: the stream is not
	 * known there; UV_EBUSY: refused, too many ask; UV_EPROTO, UV_ENOMEM. */
	void (*on_done)(struct fetch *, int status);
};

/* Both ends are included. Epoch and sequence 0: from the oldest that is kept. */
struct fetch_range {
	uint64_t from_epoch, from, to_epoch, to;
};

struct fetch {
	struct upstream *upstream; /* NULL: over */
	const struct fetch_ops *ops;
	struct stream_name name;
	char rendition[32];
	struct fetch_range left;
	uint64_t id;
	struct tracks *tracks; /* the newest revision read */
	UT_hash_handle hh;
};

/* `u` must be up. 0, UV_EINVAL for a rendition's name that is too long, UV_ENOMEM. The struct must be zeroed before its
 * first use, and may be used again when it is over. */
int fetch_begin(struct fetch *f, struct upstream *u, const struct stream_name *name, const char *rendition,
                const struct fetch_range *range, const struct fetch_ops *ops);

/* No more comes. Over already is fine. */
void fetch_end(struct fetch *f);

/* --- for pool.c --- */
void fetch_on_answer(struct upstream *u, const struct relay_message *m);
/* False if the id is none's. */
bool fetch_on_refused(struct upstream *u, const Weir__Relay__Refused *m);
void fetches_lost(struct upstream *u);
