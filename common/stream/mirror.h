/*
 * mirror.h: how a reader on any worker gets at a stream in the form that it wants.
 *
 * A stream's log and views live on its home worker. On that worker a reader gets the view's own log; on any other it
 * gets a mirror: a log of the same blocks, one counted reference each, fed from home by the mailbox in batches, one for
 * all readers of that worker. The reader sees no difference: it opens cursors or a sender on the log it is given.
 *
 *     mirror_open → on_log → … → on_gone → (mirror_close)
 *
 * The reader may call mirror_close at any time, in callbacks too; its memory is its own again at once.
 */
#pragma once

#include "common/base/name.h"
#include "common/stream/log.h"
#include "common/stream/view.h"

struct mirror;
struct streams;
struct mirror_reader;

/* What a reader learns of the stream together with its log. */
struct mirror_info {
	uint64_t stream_id; /* view_stream_id */
	uint64_t run, epoch;
	bool waiting; /* the publisher is lost, the stream waits for one */
};

struct mirror_reader_ops {
	/* The stream is here; `log` stays valid until on_gone or mirror_close. Called once, never from within mirror_open.
	 */
	void (*on_log)(struct mirror_reader *, struct log *log, const struct mirror_info *);
	/* The publisher was lost (true) or came back (false). May be NULL. */
	void (*on_waiting)(struct mirror_reader *, bool waiting);
	/* The stream ended (UV_EOF: everything up to its end is in the log and the log's memory stays until this callback
	 * returns), or cannot be had: UV_ENOENT not known, UV_ENFILE limits.streams is reached, UV_ENOMEM, UV_ECANCELED the
	 * node stops. Close cursors here. The reader is closed already. */
	void (*on_gone)(struct mirror_reader *, int reason);
};

struct mirror_reader {
	struct list node;
	struct mirror *mirror; /* NULL: closed */
	const struct mirror_reader_ops *ops;
};

enum { MIRROR_WAIT = 1 /* an unknown name is waited for (and on an edge fetched); without it: on_gone(UV_ENOENT) */ };

/*
 * Asks for `rendition` ("source") of stream `name` in the form `ops`; NULL: the entries themselves. 0, or UV_ENOMEM, or
 * UV_ECANCELED when the node stops. On this worker's thread.
 */
int mirror_open(struct mirror_reader *r, struct worker *w, const struct stream_name *name, const char *rendition,
                const struct view_ops *ops, unsigned flags, const struct mirror_reader_ops *reader_ops);

void mirror_close(struct mirror_reader *r);
