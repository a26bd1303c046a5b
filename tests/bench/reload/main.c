/*
 * reload: players that wait for the next part of a media playlist, all at once, and what they were kept waiting.
 *
 *     reload --http IP:PORT --playlist PATH --flv PATH --connections N --batches N
 *
 * A viewer by HTTP-FLV of the same node reads the publisher's clock out of the frames (kit/stamp.h). The frame that
 * made a part whole is the last one that was sent before the first answer came; so the time told is from the encoder's
 * sending it, through all hops, to each connection's whole answer. It is exact while frames are further apart than
 * answers take. Prints one JSON object.
 */
#include "tests/bench/reload/reload.h"

#include "tests/bench/kit/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WARM = 2, EVENTS = 256, READ_SIZE = 256 * 1024 };
static const uint64_t BATCH_NS_MAX = 10000000000u;

struct options {
	struct sockaddr_in to;
	const char *playlist, *flv;
	int connections, batches;
};

struct run {
	struct options o;
	int poller, flv_fd;
	struct player *players;
	struct stamps stamps;
	uint64_t *times; /* of each answer, a row a batch */
	int waiting;     /* players whose answer has not come */
	struct part next;
};

static bool fail(const char *why) {
	fprintf(stderr, "reload: %s\n", why);
	return false;
}

/* Waits until it is connected. */
static int open_connection(const struct options *o) {
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&o->to, sizeof o->to) != 0) {
		perror("reload: connect");
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static bool ask(int fd, const char *path, const char *query) {
	char request[600];
	int n = snprintf(request, sizeof request, "GET %.300s%s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: reload\r\n\r\n",
	                 path, query);
	return send(fd, request, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool ask_all(struct run *r) {
	char query[80];
	snprintf(query, sizeof query, "?_HLS_msn=%llu&_HLS_part=%u", (unsigned long long)r->next.msn, r->next.part);
	for (int i = 0; i < r->o.connections; i++) {
		player_expect(&r->players[i]);
		if (!ask(r->players[i].fd, r->o.playlist, query))
			return fail("a request could not be sent");
	}
	r->waiting = r->o.connections;
	return true;
}

static bool watch(struct run *r, int fd, void *context) {
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = context};
	return epoll_ctl(r->poller, EPOLL_CTL_ADD, fd, &e) == 0;
}

static bool open_all(struct run *r) {
	r->flv_fd = open_connection(&r->o);
	if (r->flv_fd < 0 || !ask(r->flv_fd, r->o.flv, "") || !watch(r, r->flv_fd, NULL))
		return fail("no viewer by HTTP-FLV");
	for (int i = 0; i < r->o.connections; i++) {
		struct player *p = &r->players[i];
		p->fd = open_connection(&r->o);
		if (p->fd < 0 || !watch(r, p->fd, p))
			return fail("not all could connect");
	}
	return true;
}

/* False: it is over. */
static bool read_flv(struct run *r) {
	static uint8_t buffer[READ_SIZE];
	ssize_t n = recv(r->flv_fd, buffer, sizeof buffer, MSG_DONTWAIT);
	if (n > 0)
		stamps_scan(&r->stamps, buffer, (size_t)n);
	return n > 0 || (n < 0 && errno == EAGAIN) || fail("the stream ended");
}

/* False: it was answered with something else than a playlist. `batch` < 0: it is not counted. */
static bool read_player(struct run *r, struct player *p, int batch) {
	switch (player_read(p)) {
	case PLAYER_READS:
		return true;
	case PLAYER_DONE:
		r->waiting--;
		if (batch >= 0)
			r->times[(size_t)batch * (size_t)r->o.connections + (size_t)(p - r->players)] = clock_ns();
		return true;
	default:
		return fail("an answer is no playlist, or a connection was closed");
	}
}

/* Until all that wait are answered. Once the first is, this does not sleep: a sender would pay for waking it each time,
 * which the many machines of a real crowd do not ask of it. */
static bool gather(struct run *r, int batch) {
	int all = r->waiting;
	uint64_t began = clock_ns();
	struct epoll_event events[EVENTS];
	while (r->waiting) {
		int n = epoll_wait(r->poller, events, EVENTS, r->waiting < all ? 0 : 1000);
		for (int i = 0; i < n; i++)
			if (!(events[i].data.ptr ? read_player(r, events[i].data.ptr, batch) : read_flv(r)))
				return false;
		if (clock_ns() - began > BATCH_NS_MAX)
			return fail("not all were answered in time");
	}
	return true;
}

/* Where the stream is, by a request without directives; then batch after batch. */
static bool play(struct run *r) {
	if (!open_all(r))
		return false;
	player_expect(&r->players[0]);
	r->waiting = 1;
	if (!ask(r->players[0].fd, r->o.playlist, "") || !gather(r, -1))
		return false;
	for (int batch = -WARM; batch < r->o.batches; batch++) {
		if (!part_next(player_body(&r->players[0]), &r->next))
			return fail("the playlist has no segments");
		if (!ask_all(r) || !gather(r, batch))
			return false;
	}
	r->waiting = 1; /* a while longer: the last batch's frame may come to the viewer after the answers */
	for (uint64_t until = clock_ns() + 300000000u; clock_ns() < until;) {
		struct epoll_event e;
		if (epoll_wait(r->poller, &e, 1, 100) == 1 && !e.data.ptr && !read_flv(r))
			return false;
	}
	return true;
}

static bool parse(int argc, char **argv, struct options *o) {
	static const struct option names[] = {{"http", 1, NULL, 'h'},    {"playlist", 1, NULL, 'p'},
	                                      {"flv", 1, NULL, 'f'},     {"connections", 1, NULL, 'c'},
	                                      {"batches", 1, NULL, 'b'}, {NULL, 0, NULL, 0}};
	char address[64] = "";
	unsigned port = 0;
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (c == 'h')
			sscanf(optarg, "%63[0-9.]:%u", address, &port);
		else if (c == 'p')
			o->playlist = optarg;
		else if (c == 'f')
			o->flv = optarg;
		else if (c == 'c')
			o->connections = atoi(optarg);
		else if (c == 'b')
			o->batches = atoi(optarg);
	}
	o->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, address, &o->to.sin_addr) == 1 && port && o->playlist && o->flv && o->connections > 0 &&
	       o->batches > 0;
}

int main(int argc, char **argv) {
	struct run r = {0};
	if (!parse(argc, argv, &r.o)) {
		fprintf(stderr, "usage: reload --http IP:PORT --playlist PATH --flv PATH --connections N --batches N\n");
		return 2;
	}
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	r.poller = epoll_create1(0);
	r.players = calloc((size_t)r.o.connections, sizeof *r.players);
	r.times = calloc((size_t)r.o.connections * (size_t)r.o.batches, sizeof *r.times);
	if (r.poller < 0 || !r.players || !r.times)
		return 2;
	if (!play(&r))
		return 1;
	return report(&r.stamps, r.times, r.o.connections, r.o.batches) ? 0 : 1;
}
