/*
 * load: many viewers in one process, each message's header checked, and what they got as JSON.
 *
 *     load --rtmp HOST:PORT --flv HOST:PORT --stream app/name --rtmp-viewers N --flv-viewers N
 *          [--seconds S] [--ramp VIEWERS_PER_SECOND] [--settle MS] [--stall N] [--each] [--server PID] [--events]
 *
 * The measured window begins when all viewers have been started and had `--settle` (2000) milliseconds to begin. A
 * viewer is at full rate when it got at least 98 % of what the median viewer of the window got. `--stall N`: the first
 * N viewers stop reading in the window; their segments and windows are small from the start. `--each`: viewer number i
 * plays the stream name followed by i, and "full rate" is against the median.
 * `--server PID`: the report tells what CPU time this process took in the window. `--events`: lines tell a quarter of a
 * second before the window opens ("settled") and when it has closed ("closed", with as much more of playing), so that
 * counters can be read while the stream flows. Exit status 0 when every viewer (but the stalled) played to the end at
 * full rate without an error, else 1.
 */
#include "tests/bench/load/cpu.h"
#include "tests/bench/load/load.h"

#include "tests/bench/kit/clock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { READ_SIZE = 262144, EVENTS = 512, MS = 1000000, EVENT_MS = 250 };
enum { SMALL_SEGMENT = 1448, SMALL_WINDOW = 14000 };

static struct load load;

void viewer_fail(struct viewer *v, const char *why) {
	if (v->error)
		return;
	v->error = why;
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

void viewer_send(struct viewer *v, const void *data, size_t size) {
	if (v->fd >= 0 && send(v->fd, data, size, MSG_NOSIGNAL) != (ssize_t)size)
		viewer_fail(v, "the server takes no more bytes");
}

void viewer_asks(struct viewer *v) {
	v->asked_ns = clock_ns();
}

void viewer_payload(struct viewer *v, const uint8_t *data, size_t size) {
	for (size_t i = 0; v->lead_have < LEAD && i < size; i++)
		v->lead[v->lead_have++] = data[i];
	if (size >= STAMP_SIZE) {
		memcpy(v->tail, data + size - STAMP_SIZE, STAMP_SIZE);
		v->tail_have = STAMP_SIZE;
		return;
	}
	size_t keep = STAMP_SIZE - size;
	if (keep > v->tail_have)
		keep = v->tail_have;
	memmove(v->tail, v->tail + v->tail_have - keep, keep);
	memcpy(v->tail + keep, data, size);
	v->tail_have = (uint32_t)(keep + size);
}

static void measure(struct viewer *v, uint32_t timestamp, uint32_t size, uint64_t now) {
	uint64_t sent;
	if (now - v->last_ns > v->gap_ns)
		v->gap_ns = now - v->last_ns;
	v->window_messages++;
	v->window_bytes += size;
	if ((int32_t)(timestamp - v->window_to) > 0)
		v->window_to = timestamp;
	if (v->tail_have == STAMP_SIZE && stamp_get(v->tail, &sent) && now > sent)
		histogram_add(&load.latency, now - sent);
}

static void rise(struct viewer *v, uint8_t type, uint32_t timestamp) {
	uint32_t *last = &v->last_timestamp[type - 8];
	bool *seen = &v->seen[type - 8];
	if (*seen && (int32_t)(timestamp - *last) < 0)
		v->backwards++;
	*seen = true;
	*last = timestamp;
}

void viewer_message(struct viewer *v, uint8_t type, uint32_t timestamp, uint32_t size) {
	uint64_t now = clock_ns();
	if (type == 8 || type == 9) {
		bool frame = v->lead_have == LEAD && v->lead[1] != 0; /* a configuration has the time of what it came with */
		if (type == 9 && frame && !v->first_ns)
			v->first_ns = now;
		if (load.measuring && v->playing)
			measure(v, timestamp, size, now);
		v->last_ns = now;
		v->playing = true;
		v->messages++;
		v->bytes += size;
		if (frame)
			rise(v, type, timestamp);
	}
	v->lead_have = v->tail_have = 0;
}

/* So that the server's socket is soon full once nothing is read any more: the kernel lets it queue a number of
 * segments, which have 64 kB on loopback, and a window grows while it is read from. */
static void make_small(int fd) {
	int segment = SMALL_SEGMENT, window = SMALL_WINDOW;
	setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
}

static void start_viewer(struct viewer *v, int number, bool rtmp) {
	const struct options *o = &load.options;
	const struct sockaddr_in *to = rtmp ? &o->rtmp : &o->flv;
	int one = 1;
	v->protocol = rtmp ? &protocol_rtmp : &protocol_flv;
	v->app = o->app;
	snprintf(v->name, sizeof v->name, "%s", o->name);
	if (o->each)
		snprintf(v->name, sizeof v->name, "%.120s%d", o->name, number);
	v->host = rtmp ? o->rtmp_host : o->flv_host;
	v->began_ns = clock_ns();
	v->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (v->fd < 0) {
		v->error = "no socket: is the limit of open files too low?";
		return;
	}
	setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (number < o->stall)
		make_small(v->fd);
	if (connect(v->fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS) {
		viewer_fail(v, "connect failed");
		return;
	}
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = v};
	epoll_ctl(load.poller, EPOLL_CTL_ADD, v->fd, &e);
}

static void on_event(struct viewer *v, uint32_t events) {
	static uint8_t buffer[READ_SIZE];
	if (!v->connected && events & EPOLLOUT) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = v};
		v->connected = true;
		epoll_ctl(load.poller, EPOLL_CTL_MOD, v->fd, &e);
		v->protocol->begin(v);
	}
	if (v->error || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP)) || v->stalled)
		return;
	ssize_t n = read(v->fd, buffer, sizeof buffer);
	if (n == 0)
		viewer_fail(v, "the server closed the connection");
	else if (n < 0 && errno != EAGAIN)
		viewer_fail(v, "read failed");
	else if (n > 0)
		v->protocol->feed(v, buffer, (size_t)n);
}

static void turn(int timeout_ms) {
	struct epoll_event events[EVENTS];
	int n = epoll_wait(load.poller, events, EVENTS, timeout_ms);
	for (int i = 0; i < n; i++) {
		struct viewer *v = events[i].data.ptr;
		if (v->fd >= 0)
			on_event(v, events[i].events);
	}
}

static void run_for(uint64_t ns) {
	uint64_t until = clock_ns() + ns;
	for (uint64_t now = clock_ns(); now < until; now = clock_ns())
		turn((int)((until - now) / MS) + 1);
}

static void ramp_up(void) {
	const struct options *o = &load.options;
	uint64_t begin = clock_ns();
	for (int i = 0; i < load.total; i++) {
		start_viewer(&load.viewers[i], i, i % 2 ? i / 2 >= o->flv_viewers : i / 2 < o->rtmp_viewers);
		uint64_t due = begin + (uint64_t)i * 1000000000u / (uint64_t)o->ramp;
		while (clock_ns() < due)
			turn(1);
		turn(0);
	}
}

static void stall(void) {
	for (int i = 0; i < load.total && i < load.options.stall; i++) {
		load.viewers[i].stalled = true;
		if (load.viewers[i].fd >= 0)
			epoll_ctl(load.poller, EPOLL_CTL_DEL, load.viewers[i].fd, NULL);
	}
}

static void open_window(void) {
	for (int i = 0; i < load.total; i++) {
		struct viewer *v = &load.viewers[i];
		const uint32_t *last = v->last_timestamp;
		v->window_from = v->window_to = (int32_t)(last[0] - last[1]) > 0 ? last[0] : last[1];
	}
	load.measuring = true;
}

static void tell(const char *event) {
	if (!load.options.events)
		return;
	printf("{\"event\":\"%s\"}\n", event);
	fflush(stdout);
}

static uint64_t window_bytes(void) {
	uint64_t bytes = 0;
	for (int i = 0; i < load.total; i++)
		bytes += load.viewers[i].window_bytes;
	return bytes;
}

/* Each second is told for itself too: one that a neighbour disturbed shows. */
static void run_seconds(struct window *w, int count) {
	struct second at = {w->server_cpu_ns, 0};
	for (int i = 0; i < count; i++) {
		uint64_t now = clock_ns(), due = w->began_ns + (uint64_t)(i + 1) * 1000 * MS;
		run_for(due > now ? due - now : 0);
		struct second here = {cpu_ns(load.options.server), window_bytes()};
		w->seconds[i] = (struct second){here.server_cpu_ns - at.server_cpu_ns, here.bytes - at.bytes};
		at = here;
	}
}

static void measure_window(void) {
	struct window *w = &load.window;
	tell("settled");
	if (load.options.events)
		run_for(EVENT_MS * (uint64_t)MS);
	stall();
	w->server_cpu_ns = cpu_ns(load.options.server);
	w->own_cpu_ns = cpu_ns(getpid());
	w->began_ns = clock_ns();
	open_window();
	run_seconds(w, load.options.seconds);
	load.measuring = false;
	w->ended_ns = clock_ns();
	w->server_cpu_ns = cpu_ns(load.options.server) - w->server_cpu_ns;
	w->own_cpu_ns = cpu_ns(getpid()) - w->own_cpu_ns;
	tell("closed");
	if (load.options.events)
		run_for(EVENT_MS * (uint64_t)MS);
}

int main(int argc, char **argv) {
	const struct options *o = &load.options;
	if (!options_parse(&load.options, argc, argv)) {
		fprintf(stderr, "usage: load --rtmp IP:PORT --flv IP:PORT --stream app/name --rtmp-viewers N --flv-viewers N "
		                "[--seconds S] [--ramp N] [--settle MS] [--stall N] [--each] [--server PID] [--events]\n");
		return 2;
	}
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	load.total = o->rtmp_viewers + o->flv_viewers;
	load.viewers = calloc((size_t)load.total, sizeof *load.viewers);
	load.poller = epoll_create1(0);
	if (!load.viewers || load.poller < 0) {
		perror("load");
		return 2;
	}
	ramp_up();
	run_for((uint64_t)o->settle_ms * MS);
	measure_window();
	bool well = report_print(&load);
	free(load.viewers);
	close(load.poller);
	return well ? 0 : 1;
}
