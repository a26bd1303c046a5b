/*
 * log.h: an append-only window of counted objects in order, with positions. The one data structure of Weir.
 *
 * A rendition's log holds entries; a view's log holds blocks of bytes, one item for each entry at the same
 * position; a mirror holds another worker's items. Readers are cursors (cursor.h). The log forgets from its old end
 * when it is over a limit, whoever still reads there: such a cursor finds itself overrun. It belongs to one worker.
 *
 * Position 0 is the first item ever; positions are local to the node and step by one. Limits: items older (in
 * media time) than `duration_us` before the newest go, but the newest keyframe and all after it stay; over `bytes`
 * everything may go but the last item.
 */
#pragma once

#include "common/base/counted.h"
#include "common/base/list.h"
#include "common/loop/worker.h"
#include "common/stream/flush.h"
#include "common/stream/joined.h"
#include "common/stream/pace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ITEM_KEY = 1,     /* a reader may begin here */
	ITEM_END = 2,     /* the last of its run */
	ITEM_RESTART = 4, /* the first item after a hole, or of a new epoch that does not go on where the last one ended */
	ITEM_VIDEO = 8,   /* with ITEM_KEY: the rendition has video from here on, */
	ITEM_AUDIO = 16,  /* and audio */
};

struct log_item {
	struct counted *object; /* an entry, or a block (struct bytes); NULL: this position has nothing in this form */
	struct counted *head;   /* on ITEM_KEY in a view: the bytes that a reader beginning here needs first; may be NULL */
	uint64_t epoch, sequence;
	int64_t time_us;
	uint32_t size_bytes; /* what it counts for in the limit */
	uint32_t flags;
};

struct log_limits {
	int64_t duration_us;
	size_t bytes;
};

struct log {
	struct worker *worker;
	struct log_limits limits;
	void (*on_drop)(struct log *, const struct log_item *); /* an item is about to be forgotten; may be NULL */
	/* Paced readers begin to wait for a flush that a timer brings; false: it is due, and takes place at this turn's end
	 * with what is appended in the call. May be NULL. */
	void (*on_wait)(struct log *, bool waits);
	struct log_item *items; /* a ring; capacity is a power of two */
	size_t capacity;
	uint64_t first, next; /* positions: the oldest kept, and the one that the next item gets */
	size_t bytes;
	uint64_t *keys; /* positions of kept ITEM_KEY items, oldest first: a ring too */
	size_t key_capacity;
	uint64_t key_first, key_next;
	struct list readers; /* cursors that wait for items, woken at the end of the turn that brings one */
	struct turn_task wake;
	struct list paced; /* cursors that wait for a flush: viewers that have all there was at the last one */
	struct flush flush;
	struct pace pace;     /* when that comes */
	struct joined joined; /* what it brings */
};

/* Allocates nothing yet. `w`'s turn end wakes the readers. */
void log_init(struct log *l, struct worker *w, struct log_limits limits);

/* How paced readers of this log wait; at once where it is not called. */
void log_set_pace(struct log *l, struct pace_rule rule);

/* Drops every item. Cursors must be closed before. */
void log_fini(struct log *l);

/* Appends and takes over the references in `item` (also on failure). Readers wake at the end of this turn. 0 or
 * UV_ENOMEM. */
int log_append(struct log *l, const struct log_item *item);

/* The item at `position`, which must be in [first, next). */
const struct log_item *log_at(const struct log *l, uint64_t position);

/* The position of the newest key item; false when none is kept. */
bool log_newest_key(const struct log *l, uint64_t *position);

/* The position of the newest key item that is at least `history_us` older than the newest item, else of the oldest key.
 */
bool log_key_before(const struct log *l, int64_t history_us, uint64_t *position);

/* The position right after (epoch, sequence), when that item or its successor is kept; for resuming. */
bool log_after(const struct log *l, uint64_t epoch, uint64_t sequence, uint64_t *position);

/* Everything in the log, which is not empty, comes before (epoch, sequence). */
bool log_is_before(const struct log *l, uint64_t epoch, uint64_t sequence);

/* The first position whose epoch is above `epoch`; false when none is kept. */
bool log_first_of_newer(const struct log *l, uint64_t epoch, uint64_t *position);
