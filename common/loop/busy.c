#include "common/loop/busy.h"

#include "common/base/metrics.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLE_MS = 250 };

/* Demand at which pressure begins, and at which it is whole. */
static const double low = 0.15, high = 2.2;

/* Of a send's cost: the part that is the same for any number of items, as a multiple of what each item adds. Measured
 * with 2.5 Mbit/s over TCP in clear: 7 to 9; encryption adds to an item's part. */
static const double fixed_part = 6;

/* Of the time, what other work leaves for fan-out at the least. */
static const double least_left = 0.05;

/* Time constants, in microseconds. The pressure's is the longer, so that single flushes, and seconds that others of the
 * machine disturb, do not move it. */
static const double ratio_us = 1e6, pressure_us = 3e6;

static double within(double v, double least, double most) {
	return v < least ? least : v > most ? most : v;
}

static void approach(double *v, double aim, double passed_us, double constant_us) {
	*v += (aim - *v) * passed_us / (passed_us + constant_us);
	if (*v < 0.001 && aim == 0)
		*v = 0;
}

/* What flushes would have taken, had nothing waited. */
static double instant(const struct busy *b) {
	double merged = b->items > b->sends && b->sends > 0 ? b->items / b->sends : 1;
	return b->fanout * merged * (fixed_part + 1) / (fixed_part + merged);
}

void busy_sample(struct busy *b, const struct busy_times *t) {
	struct busy_times before = b->at;
	b->at = *t;
	if (before.now_us == 0 || t->now_us <= before.now_us)
		return;
	double passed = (double)(t->now_us - before.now_us), ran = (double)(t->cpu_us - before.cpu_us);
	double waited = (double)(t->waited_us - before.waited_us), could = passed - waited;
	/* The accounts are read one after another: what they say together is only nearly right. */
	double share = ran >= could ? 1 : within(ran / could, 0, 1);
	double flushed = (double)(t->fanout.us - before.fanout.us), wanted = ran + waited;
	approach(&b->ratio, share, passed, ratio_us);
	approach(&b->fanout, share * (flushed < wanted ? flushed / wanted : flushed > 0), passed, ratio_us);
	approach(&b->sends, (double)(t->fanout.sends - before.fanout.sends) / passed * 1e6, passed, ratio_us);
	approach(&b->items, (double)(t->fanout.items - before.fanout.items) / passed * 1e6, passed, ratio_us);
	b->demand = instant(b) / within(1 - (b->ratio - b->fanout), least_left, 1);
	approach(&b->pressure, within((b->demand - low) / (high - low), 0, 1), passed, pressure_us);
}

void busy_fanned_out(struct busy_meter *m, const struct busy_fanout *done) {
	m->fanout.us += done->us;
	m->fanout.sends += done->sends;
	m->fanout.items += done->items;
}

/* --- measuring --- */

static uint64_t micros(clockid_t clock) {
	struct timespec t = {0};
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* proc(5), schedstat: nanoseconds run, nanoseconds waited for a core, turns run. */
static uint64_t waited_us(int schedstat) {
	char text[96];
	unsigned long long ran, waited;
	ssize_t n = schedstat >= 0 ? pread(schedstat, text, sizeof text - 1, 0) : 0;
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited / 1000 : 0;
}

static void on_sample(uv_timer_t *timer) {
	struct busy_meter *m = timer->data;
	struct busy_times now = {.now_us = micros(CLOCK_MONOTONIC),
	                         .cpu_us = micros(CLOCK_THREAD_CPUTIME_ID),
	                         .waited_us = waited_us(m->schedstat),
	                         .fanout = m->fanout};
	busy_sample(&m->busy, &now);
	metric_set_share(M_WORKER_BUSY, m->busy.ratio);
	metric_set_share(M_WORKER_PRESSURE, m->busy.pressure);
}

void busy_meter_start(struct busy_meter *m, uv_loop_t *loop) {
	m->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
	uv_timer_start(&m->timer, on_sample, 0, SAMPLE_MS);
}

void busy_meter_close(struct busy_meter *m) {
	if (!m->timer.data)
		return;
	if (m->schedstat >= 0)
		close(m->schedstat);
	uv_close((uv_handle_t *)&m->timer, NULL);
}
