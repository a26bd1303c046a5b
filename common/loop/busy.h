/*
 * busy.h: how busy a worker is, and how far its senders should let frames wait for each other because of it.
 *
 * Business is the share of the time that the thread could have run in which it did run: CPU time over wall time less
 * the time in which it waited for a core. So a thread that others keep from running is not busy by that, and one that
 * runs whenever it may is, however little it gets. A meter of the worker samples it four times a second.
 *
 * From it comes the pressure, 0 to 1: none while less than three tenths of the time are used, and all at
 * seven. What is saved by waiting shows in the business at once, and how much depends on the load; so the pressure
 * follows its aim slowly, over seconds, which keeps the two from swinging. Under a load far too big it still rises by
 * several hundredths a second.
 */
#pragma once

#include <stdint.h>
#include <uv.h>

struct busy {
	uint64_t at_us, cpu_us, waited_us; /* totals at the newest sample; at_us 0: none yet */
	double ratio;                      /* 0 to 1, over about a second */
	double pressure;                   /* 0 to 1 */
};

/* Totals that only grow: monotonic time, the thread's CPU time, and its time runnable but without a core. */
struct busy_times {
	uint64_t now_us, cpu_us, waited_us;
};

/* Takes in what passed since the sample before. Pure. */
void busy_sample(struct busy *b, const struct busy_times *t);

/* Samples a worker. Embedded in it, used on its thread alone. */
struct busy_meter {
	struct busy busy;
	uv_timer_t timer;
	int schedstat; /* a descriptor: the kernel's account of this thread; negative: there is none */
};

/* Opens the meter on the loop and begins. */
void busy_meter_start(struct busy_meter *m, uv_loop_t *loop);

/* Begins to close its handle. Never started but zeroed, is fine. */
void busy_meter_close(struct busy_meter *m);
