/*
 * flush.h: how a log's viewers are served at a flush: in slices of a millisecond, between which the worker hears what
 * else has come.
 *
 * A thousand viewers take as long as a frame lasts, and what comes meanwhile would wait for the last of them. So a pass
 * over the viewers is interrupted by the next flush. If the pass has just begun, the new one begins at the front again:
 * the first viewers hardly notice how many there are behind them, and those behind get both frames in one write.
 * If it is older, it is brought to its end first, so that nobody waits for long.
 *
 * Embedded in the log; on its worker.
 */
#pragma once

#include "common/base/list.h"
#include "common/loop/worker.h"

#include <stdbool.h>

struct log;

struct flush {
	struct turn_task task;
	struct list waiting; /* cursors that this pass has not come to */
	bool due;            /* another pass over the log's paced readers */
	int slices;          /* that it has taken */
};

void flush_init(struct log *l);

/* At this turn's end all paced readers of the log begin to be woken. */
void flush_ask(struct log *l);

void flush_fini(struct log *l);
