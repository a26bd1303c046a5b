/*
 * publish: encoders by RTMP that send a clip at its own pace, again and again, and stamp their clock into each frame.
 *
 *     publish --to IP:PORT --stream app/name --clip FILE [--count N]
 *
 * With `--count` there are N of them, named name0, name1, …, each at another place of the clip's time. Prints a line
 * when all publish. Ends with a word on stderr and status 1 when a server refuses or leaves one.
 */
#include "tests/bench/kit/amf.h"
#include "tests/bench/kit/clip.h"
#include "tests/bench/kit/clock.h"
#include "tests/bench/kit/stamp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { HANDSHAKE_SIZE = 1536, CHUNK_SIZE = 1 << 20, MESSAGE_HEAD = 12, FEW = 16, REST_NS = 2000000 };

struct options {
	struct sockaddr_in to;
	const char *host, *path;
	char app[64], name[128];
	int count;
};

struct publisher {
	int fd;
	struct clip_place place;
	uint64_t began_ns;
};

static bool send_all(int fd, const void *data, size_t size) {
	return send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Reads until `mark` has come. */
static bool wait_for(int fd, const char *mark) {
	uint8_t answer[8192];
	size_t have = 0;
	for (;;) {
		ssize_t n = recv(fd, answer + have, sizeof answer - have, 0);
		if (n <= 0)
			return false;
		have += (size_t)n;
		if (memmem(answer, have, mark, strlen(mark)))
			return !memmem(answer, have, "BadName", 7);
	}
}

static bool handshake(int fd) {
	static const uint8_t c0c1[1 + HANDSHAKE_SIZE] = {3}, c2[HANDSHAKE_SIZE];
	uint8_t answer[1 + 2 * HANDSHAKE_SIZE];
	return send_all(fd, c0c1, sizeof c0c1) && recv(fd, answer, sizeof answer, MSG_WAITALL) == sizeof answer &&
	       send_all(fd, c2, sizeof c2);
}

static bool begin_publishing(int fd, const struct options *o, const char *name) {
	static const uint8_t chunk_size[16] = {2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, CHUNK_SIZE >> 16, 0, 0};
	uint8_t body[800], out[1600];
	size_t n = amf_connect(body, o->host, o->app);
	size_t size = amf_message(out, 20, 0, body, n);
	if (!handshake(fd) || !send_all(fd, out, size) || !wait_for(fd, "_result"))
		return false;
	n = amf_string(body, "createStream");
	n += amf_number(body + n, 2);
	n += amf_null(body + n);
	size = amf_message(out, 20, 0, body, n);
	n = amf_string(body, "publish");
	n += amf_number(body + n, 3);
	n += amf_null(body + n);
	n += amf_string(body + n, name);
	n += amf_string(body + n, "live");
	size += amf_message(out + size, 20, 1, body, n);
	return send_all(fd, out, size) && wait_for(fd, "onStatus") && send_all(fd, chunk_size, sizeof chunk_size);
}

static bool open_publisher(struct publisher *p, const struct options *o, int number) {
	char name[160];
	int one = 1;
	struct timeval patience = {10, 0};
	snprintf(name, sizeof name, "%s", o->name);
	if (o->count > 1)
		snprintf(name, sizeof name, "%s%d", o->name, number);
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (p->fd < 0 || connect(p->fd, (const struct sockaddr *)&o->to, sizeof o->to) != 0) {
		perror("publish");
		return false;
	}
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (begin_publishing(p->fd, o, name))
		return true;
	fprintf(stderr, "publish: %s was refused\n", name);
	return false;
}

/* One chunk: the peer knows that ours are large. */
static bool send_tag(int fd, const struct clip_tag *t, uint32_t timestamp) {
	uint8_t stamp[STAMP_SIZE];
	uint8_t head[MESSAGE_HEAD] = {t->type == 8 ? 4 : 6,
	                              (uint8_t)(timestamp >> 16),
	                              (uint8_t)(timestamp >> 8),
	                              (uint8_t)timestamp,
	                              (uint8_t)(t->size >> 16),
	                              (uint8_t)(t->size >> 8),
	                              (uint8_t)t->size,
	                              t->type,
	                              1};
	bool stamped = !t->config && t->size > 4 * STAMP_SIZE;
	size_t plain = stamped ? t->size - STAMP_SIZE : t->size;
	struct iovec io[3] = {{head, sizeof head}, {(void *)t->payload, plain}, {stamp, STAMP_SIZE}};
	stamp_put(stamp, clock_ns());
	return writev(fd, io, stamped ? 3 : 2) == (ssize_t)(sizeof head + t->size);
}

/* Sends all that is due; *next is when more will be, if that is sooner. */
static bool send_due(struct publisher *p, uint64_t now, uint64_t *next) {
	for (;;) {
		uint32_t timestamp;
		const struct clip_tag *t = clip_peek(&p->place, &timestamp);
		uint64_t due = p->began_ns + (uint64_t)timestamp * 1000000u;
		if (due > now) {
			if (due < *next)
				*next = due;
			return true;
		}
		if (!send_tag(p->fd, t, timestamp))
			return false;
		clip_advance(&p->place);
	}
}

/* What the server says is read and forgotten. */
static bool drain(struct publisher *p) {
	uint8_t forgotten[4096];
	for (;;) {
		ssize_t n = recv(p->fd, forgotten, sizeof forgotten, MSG_DONTWAIT);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
	}
}

static void sleep_until(uint64_t ns) {
	struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int run(struct publisher *all, int count) {
	for (uint64_t drained = 0;;) {
		uint64_t now = clock_ns(), next = now + 1000000000u;
		for (int i = 0; i < count; i++) {
			if (!send_due(&all[i], now, &next) || (now - drained > 1000000000u && !drain(&all[i]))) {
				fprintf(stderr, "publish: the server left publisher %d\n", i);
				return 1;
			}
		}
		if (now - drained > 1000000000u)
			drained = now;
		sleep_until(count > FEW && next < now + REST_NS ? now + REST_NS : next);
	}
}

static bool parse(int argc, char **argv, struct options *o) {
	static const struct option names[] = {{"to", 1, NULL, 't'},
	                                      {"stream", 1, NULL, 's'},
	                                      {"clip", 1, NULL, 'c'},
	                                      {"count", 1, NULL, 'n'},
	                                      {NULL, 0, NULL, 0}};
	char address[64] = "";
	unsigned port = 0;
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (c == 't') {
			o->host = optarg;
			sscanf(optarg, "%63[0-9.]:%u", address, &port);
		} else if (c == 's') {
			sscanf(optarg, "%63[^/]/%127s", o->app, o->name);
		} else if (c == 'c') {
			o->path = optarg;
		} else if (c == 'n') {
			o->count = atoi(optarg);
		}
	}
	o->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, address, &o->to.sin_addr) == 1 && port && o->name[0] && o->path && o->count > 0;
}

int main(int argc, char **argv) {
	struct options o = {.count = 1};
	struct clip clip;
	if (!parse(argc, argv, &o)) {
		fprintf(stderr, "usage: publish --to IP:PORT --stream app/name --clip FILE [--count N]\n");
		return 2;
	}
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	struct publisher *all = calloc((size_t)o.count, sizeof *all);
	if (!all || clip_load(&clip, o.path) != 0)
		return 2;
	for (int i = 0; i < o.count; i++)
		if (!open_publisher(&all[i], &o, i))
			return 1;
	uint64_t now = clock_ns();
	for (int i = 0; i < o.count; i++) {
		all[i].place.clip = &clip;
		all[i].began_ns = now + (uint64_t)i * 1000000000u / (uint64_t)o.count; /* not all in the same instant */
	}
	printf("publishing\n");
	fflush(stdout);
	int status = run(all, o.count);
	clip_fini(&clip);
	free(all);
	return status;
}
