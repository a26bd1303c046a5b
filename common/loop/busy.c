#include "common/loop/busy.h"

#include "common/base/metrics.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLE_MS = 250 };

/* Business at which pressure begins, and at which it is whole. */
static const double low = 0.3, high = 0.7;

/* Time constants, in microseconds. The pressure's is long: where waiting saves much a small step of it has a large
 * effect on the next sample, and a shorter one would swing. */
static const double ratio_us = 1e6, pressure_us = 8e6;

static double within(double v, double least, double most) {
	return v < least ? least : v > most ? most : v;
}

static void approach(double *v, double aim, double passed_us, double constant_us) {
	*v += (aim - *v) * passed_us / (passed_us + constant_us);
	if (*v < 0.001 && aim == 0)
		*v = 0;
}

void busy_sample(struct busy *b, const struct busy_times *t) {
	struct busy before = *b;
	b->at_us = t->now_us;
	b->cpu_us = t->cpu_us;
	b->waited_us = t->waited_us;
	if (before.at_us == 0 || t->now_us <= before.at_us)
		return;
	double passed = (double)(t->now_us - before.at_us), ran = (double)(t->cpu_us - before.cpu_us);
	double could = passed - (double)(t->waited_us - before.waited_us);
	/* The accounts are read one after another: what they say together is only nearly right. */
	double share = ran >= could ? 1 : within(ran / could, 0, 1);
	approach(&b->ratio, share, passed, ratio_us);
	approach(&b->pressure, within((share - low) / (high - low), 0, 1), passed, pressure_us);
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
	                         .waited_us = waited_us(m->schedstat)};
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
