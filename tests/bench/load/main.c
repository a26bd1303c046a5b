/*
 * load: many viewers of one stream in one process, each message's header checked, and what they got as JSON.
 *
 *     load --rtmp HOST:PORT --flv HOST:PORT --stream app/name --rtmp-viewers N --flv-viewers N
 *          [--seconds S] [--ramp VIEWERS_PER_SECOND] [--stall N]
 *
 * The measured window begins when all viewers have been started and had two seconds to begin. A viewer is at full rate
 * when it got at least 98 % of what the median viewer of the window got. `--stall N`: the first N viewers stop reading
 * in the window. Exit status 0 when every viewer (but the stalled) played to the end at full rate without an error,
 * else 1.
 */
#include "tests/bench/load/viewer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 262144, EVENTS = 512 };

struct options {
	struct sockaddr_in rtmp, flv;
	const char *rtmp_host, *flv_host;
	char app[64], name[128];
	int rtmp_viewers, flv_viewers, seconds, ramp, stall;
};

static struct viewer *viewers;
static int started, total, poller;
static bool measuring;

static uint64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

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

void viewer_message(struct viewer *v, uint8_t type, uint32_t timestamp, uint32_t size) {
	uint64_t now = now_ns();
	if (type != 8 && type != 9)
		return;
	if (!v->first_ns)
		v->first_ns = now;
	else if (measuring && now - v->last_ns > v->gap_ns)
		v->gap_ns = now - v->last_ns;
	v->last_ns = now;
	v->playing = true;
	v->messages++;
	if (measuring)
		v->window_messages++;
	uint32_t *last = &v->last_timestamp[type - 8];
	if ((int32_t)(timestamp - *last) < 0 && v->messages > 2)
		v->backwards++;
	*last = timestamp;
	v->bytes += size;
}

static bool start_viewer(struct viewer *v, const struct options *o, bool rtmp) {
	const struct sockaddr_in *to = rtmp ? &o->rtmp : &o->flv;
	int one = 1;
	v->protocol = rtmp ? &protocol_rtmp : &protocol_flv;
	v->app = o->app;
	v->name = o->name;
	v->host = rtmp ? o->rtmp_host : o->flv_host;
	v->began_ns = now_ns();
	v->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (v->fd < 0) {
		v->error = "no socket: is the limit of open files too low?";
		return false;
	}
	setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(v->fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS) {
		viewer_fail(v, "connect failed");
		return false;
	}
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = v};
	epoll_ctl(poller, EPOLL_CTL_ADD, v->fd, &e);
	return true;
}

static void on_event(struct viewer *v, uint32_t events) {
	static uint8_t buffer[READ_SIZE];
	if (!v->connected && events & EPOLLOUT) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = v};
		v->connected = true;
		epoll_ctl(poller, EPOLL_CTL_MOD, v->fd, &e);
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
	int n = epoll_wait(poller, events, EVENTS, timeout_ms);
	for (int i = 0; i < n; i++) {
		struct viewer *v = events[i].data.ptr;
		if (v->fd >= 0)
			on_event(v, events[i].events);
	}
}

static void run_until(uint64_t when_ns) {
	for (uint64_t now = now_ns(); now < when_ns; now = now_ns())
		turn((int)((when_ns - now) / 1000000) + 1);
}

static void ramp_up(const struct options *o) {
	uint64_t begin = now_ns();
	for (started = 0; started < total; started++) {
		start_viewer(&viewers[started], o, started % 2 ? started / 2 >= o->flv_viewers : started / 2 < o->rtmp_viewers);
		uint64_t due = begin + (uint64_t)started * 1000000000u / (uint64_t)o->ramp;
		while (now_ns() < due)
			turn(1);
		turn(0);
	}
}

static int by_value(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static double percentile(uint64_t *values, int n, int percent, double unit) {
	return n ? (double)values[(n - 1) * percent / 100] / unit : 0;
}

static int report(const struct options *o, const struct protocol *p, int expected) {
	uint64_t *counts = calloc((size_t)total, sizeof *counts), *first = calloc((size_t)total, sizeof *first);
	uint64_t *gaps = calloc((size_t)total, sizeof *gaps), bytes = 0, backwards = 0;
	int n = 0, full = 0, failed = 0;
	const char *why = NULL;
	for (int i = 0; i < total; i++) {
		const struct viewer *v = &viewers[i];
		if (v->protocol != p || v->stalled)
			continue;
		if (v->error || !v->playing) {
			failed++;
			why = v->error ? v->error : "nothing came";
			continue;
		}
		counts[n] = v->window_messages;
		first[n] = v->first_ns - v->began_ns;
		gaps[n++] = v->gap_ns;
		bytes += v->bytes;
		backwards += v->backwards;
	}
	qsort(counts, (size_t)n, sizeof *counts, by_value);
	qsort(first, (size_t)n, sizeof *first, by_value);
	qsort(gaps, (size_t)n, sizeof *gaps, by_value);
	uint64_t median = n ? counts[n / 2] : 0;
	for (int i = 0; i < n; i++)
		full += counts[i] * 100 >= median * 98 && median > 0;
	printf("{\"protocol\":\"%s\",\"viewers\":%d,\"playing\":%d,\"full_rate\":%d,\"failed\":%d,\"why\":\"%s\","
	       "\"seconds\":%d,\"messages_median\":%llu,\"messages_least\":%llu,\"bytes\":%llu,\"backwards\":%llu,"
	       "\"first_ms\":{\"p50\":%.1f,\"p99\":%.1f},\"gap_ms\":{\"p50\":%.1f,\"p99\":%.1f}}\n",
	       p->name, expected, n, full, failed, why ? why : "", o->seconds, (unsigned long long)median,
	       (unsigned long long)(n ? counts[0] : 0), (unsigned long long)bytes, (unsigned long long)backwards,
	       percentile(first, n, 50, 1e6), percentile(first, n, 99, 1e6), percentile(gaps, n, 50, 1e6),
	       percentile(gaps, n, 99, 1e6));
	free(counts);
	free(first);
	free(gaps);
	return failed || full < n || backwards;
}

static bool parse_address(const char *text, struct sockaddr_in *out) {
	char host[64];
	unsigned port;
	if (sscanf(text, "%63[0-9.]:%u", host, &port) != 2 || port > 65535)
		return false;
	*out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

static bool parse(int argc, char **argv, struct options *o) {
	static const struct option names[] = {
	    {"rtmp", 1, NULL, 'r'},         {"flv", 1, NULL, 'f'},         {"stream", 1, NULL, 's'},
	    {"rtmp-viewers", 1, NULL, 'R'}, {"flv-viewers", 1, NULL, 'F'}, {"seconds", 1, NULL, 't'},
	    {"ramp", 1, NULL, 'a'},         {"stall", 1, NULL, 'S'},       {NULL, 0, NULL, 0}};
	bool ok = true;
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (c) {
		case 'r':
			o->rtmp_host = optarg;
			ok = ok && parse_address(optarg, &o->rtmp);
			break;
		case 'f':
			o->flv_host = optarg;
			ok = ok && parse_address(optarg, &o->flv);
			break;
		case 's':
			ok = ok && sscanf(optarg, "%63[^/]/%127s", o->app, o->name) == 2;
			break;
		case 'R':
			o->rtmp_viewers = atoi(optarg);
			break;
		case 'F':
			o->flv_viewers = atoi(optarg);
			break;
		case 't':
			o->seconds = atoi(optarg);
			break;
		case 'a':
			o->ramp = atoi(optarg);
			break;
		case 'S':
			o->stall = atoi(optarg);
			break;
		default:
			return false;
		}
	}
	return ok && o->name[0] && o->ramp > 0 && o->seconds > 0 && o->rtmp_viewers + o->flv_viewers > 0 &&
	       (!o->rtmp_viewers || o->rtmp_host) && (!o->flv_viewers || o->flv_host);
}

int main(int argc, char **argv) {
	struct options o = {.seconds = 10, .ramp = 500};
	if (!parse(argc, argv, &o)) {
		fprintf(stderr, "usage: load --rtmp IP:PORT --flv IP:PORT --stream app/name --rtmp-viewers N --flv-viewers N "
		                "[--seconds S] [--ramp N] [--stall N]\n");
		return 2;
	}
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	total = o.rtmp_viewers + o.flv_viewers;
	viewers = calloc((size_t)total, sizeof *viewers);
	poller = epoll_create1(0);
	if (!viewers || poller < 0) {
		perror("load");
		return 2;
	}
	ramp_up(&o);
	run_until(now_ns() + 2000000000u);
	for (int i = 0; i < total; i++) {
		viewers[i].window_messages = 0;
		viewers[i].stalled = i < o.stall;
		if (viewers[i].stalled && viewers[i].fd >= 0)
			epoll_ctl(poller, EPOLL_CTL_DEL, viewers[i].fd, NULL);
	}
	measuring = true;
	run_until(now_ns() + (uint64_t)o.seconds * 1000000000u);
	int bad = 0;
	if (o.rtmp_viewers)
		bad |= report(&o, &protocol_rtmp, o.rtmp_viewers);
	if (o.flv_viewers)
		bad |= report(&o, &protocol_flv, o.flv_viewers);
	free(viewers);
	close(poller);
	return bad;
}
