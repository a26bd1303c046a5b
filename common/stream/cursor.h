/*
 * cursor.h: a reader's position in a log. A viewer is a cursor and a socket.
 *
 * Embedded in the reader, on the log's worker. A reader loops over cursor_next until it says CURSOR_EMPTY; on_ready
 * then comes at the end of the turn in which something was appended. A reader that is blocked elsewhere (its socket is
 * full) calls cursor_pause and is not woken until cursor_resume; it costs nothing meanwhile, and may find itself
 * overrun after.
 */
#pragma once

#include "common/stream/log.h"

enum cursor_result {
	CURSOR_EMPTY,   /* nothing yet; on_ready follows */
	CURSOR_ITEM,    /* `*item` is next */
	CURSOR_OVERRUN, /* the position had left the log: the cursor now stands at the newest keyframe, or waits for one;
	                   told once, the reader sends the item's head again before it goes on */
};

struct cursor {
	struct list node;
	struct log *log;   /* NULL: closed */
	uint64_t position; /* of the item that comes next */
	bool want_key;     /* skip to the next key item */
	bool paced;        /* waits for the log's flushes */
	bool first;        /* is woken before others */
	void (*on_ready)(struct cursor *);
	uint64_t overruns;
};

/* Where to begin. */
enum cursor_start {
	CURSOR_NEWEST_KEY, /* at the newest keyframe, or wait for one */
	CURSOR_HISTORY,    /* at a keyframe `history_us` back, as far as the log has it */
	CURSOR_OLDEST,     /* at the oldest item */
	CURSOR_NEXT,       /* only what comes */
};

/* Opens it, waiting: if there are items already, on_ready comes at this turn's end. */
void cursor_open(struct cursor *c, struct log *l, enum cursor_start start, int64_t history_us,
                 void (*on_ready)(struct cursor *));

/* Opens it at `position`, in [log->first, log->next]. */
void cursor_open_at(struct cursor *c, struct log *l, uint64_t position, void (*on_ready)(struct cursor *));

/*
 * It is a viewer's: once it has read all there is it waits for the log's next flush (pace.h), where the others get
 * theirs, and not for the end of each turn. Its first items, a keyframe that it waits for, and what it has missed
 * while paused still come at once.
 */
void cursor_set_paced(struct cursor *c);

/* It gets what a turn brings before the log's other readers do. */
void cursor_set_first(struct cursor *c);

/* The next item without passing it; items before a wanted key are passed silently. */
enum cursor_result cursor_next(struct cursor *c, const struct log_item **item);

/* Passes the item that cursor_next gave. */
void cursor_advance(struct cursor *c);

/* Skip to the newest keyframe, as an overrun does. */
void cursor_skip(struct cursor *c);

void cursor_pause(struct cursor *c);
void cursor_resume(struct cursor *c); /* on_ready comes at this turn's end if items wait */

/* Puts it, unlinked, among those that wait. For log.c and cursor.c. */
void cursor_wait(struct cursor *c);

/* Leaves the log. Closed already is fine. */
void cursor_close(struct cursor *c);
