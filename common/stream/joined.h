/*
 * joined.h: what a flush brings, in one piece.
 *
 * Viewers that wait for a log's flushes stand at the same item, and a flush brings all of them the same items. Many
 * small runs cost the kernel more to copy than one long one (each begins where the one before left the destination
 * unaligned), and each viewer the gathering of them. So a flush of several items for several viewers copies them once,
 * behind each other, and gives everyone that. It lives for the flush alone: a viewer whose socket takes only a part
 * keeps the items.
 *
 * Embedded in a log of blocks (log.h); on its worker.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/list.h"

#include <stddef.h>
#include <stdint.h>

struct log;

struct joined {
	struct bytes *block; /* NULL: no flush is under way, or its items go one by one */
	uint64_t from, to;   /* positions: of its first item, and behind its last */
	int count;           /* of blocks in it */
};

/* Joins what `readers` of `l` are about to get, if that is worth it and there is memory for it. What is there already
 * and is still that stays. */
void joined_make(struct log *l, const struct list *readers);

/* The flush is over. */
void joined_drop(struct log *l);
