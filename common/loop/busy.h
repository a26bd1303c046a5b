/*
 * busy.h: how busy a worker is, and how far its senders should let frames wait for each other because of it.
 *
 * Business is the share of the time that the thread could have run in which it did run: CPU time over wall time less
 * the time in which it waited for a core. So a thread that others keep from running is not busy by that, and one that
 * runs whenever it may is, however little it gets. A meter of the worker samples it four times a second.
 *
 * Waiting saves calls, and so makes the worker less busy: what it still takes does not tell how much there is to do. So
 * the pressure follows the *demand*: what fan-out would take if nothing waited, as a share of the time that the
 * worker's other work leaves for it. It is reckoned from the time that flushes took (common/stream/flush.h) and from
 * how many items went in one send: a send costs a part that is the same for one item as for ten, and that part is known
 * well enough. It is rather taken for too small, so that the demand seems to fall a little as the waits grow: then
 * the two settle, whatever the load.
 *
 * There is no pressure while the demand is below 0.15; from there it grows evenly, and is whole at 2.2. So a worker
 * with time to spare sends at once, one that would be half busy with it waits a sixth of the longest wait, and one that
 * could just not do it two fifths.
 */
#pragma once

#include <stdint.h>
#include <uv.h>

/* What flushes have done, in totals that only grow. */
struct busy_fanout {
	uint64_t us;    /* of wall time */
	uint64_t sends; /* a viewer was given what there was for it */
	uint64_t items; /* in all of these */
};

/* Totals that only grow: monotonic time, the thread's CPU time, its time runnable but without a core, and fan-out. */
struct busy_times {
	uint64_t now_us, cpu_us, waited_us;
	struct busy_fanout fanout;
};

struct busy {
	struct busy_times at; /* the newest sample; now_us 0: none yet */
	double ratio;         /* business: 0 to 1, over about a second */
	double fanout;        /* the part of it that flushes are */
	double sends, items;  /* a second, over about a second */
	double demand;        /* 0 and up */
	double pressure;      /* 0 to 1 */
};

/* Takes in what passed since the sample before. Pure. */
void busy_sample(struct busy *b, const struct busy_times *t);

/* Samples a worker. Embedded in it, used on its thread alone. */
struct busy_meter {
	struct busy busy;
	struct busy_fanout fanout;
	uv_timer_t timer;
	int schedstat; /* a descriptor: the kernel's account of this thread; negative: there is none */
};

/* Opens the meter on the loop and begins. */
void busy_meter_start(struct busy_meter *m, uv_loop_t *loop);

/* A flush, or a slice of one, has done this. */
void busy_fanned_out(struct busy_meter *m, const struct busy_fanout *done);

/* Begins to close its handle. Never started but zeroed, is fine. */
void busy_meter_close(struct busy_meter *m);
