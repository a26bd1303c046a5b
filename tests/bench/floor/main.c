/*
 * floor: what the kernel alone takes for a fan-out. It writes the bytes of a clip to every connection on a schedule and
 * does nothing else: one block a write, shared by all, one writev a connection.
 *
 *     floor --listen PORT --clip FILE [--merge MS] [--rtmp]
 *
 * A write carries the tags of `--merge` milliseconds, counted from its first tag (0: those of the same millisecond).
 * Viewers speak HTTP-FLV, or RTMP, so that the load client checks what came as it does everywhere, and takes as long
 * for it: a client that is quicker sleeps more often, and to wake it is a part of what a write costs. What they say is
 * taken for what a viewer says then, unread. SIGUSR1 prints the count of writes and of bytes so far.
 */
#include "tests/bench/floor/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum { EVENTS = 64, VIEWERS_MAX = 16384, GATHER_MAX = 64 };

struct viewer {
	int fd;
	bool asked;
	size_t heard;   /* bytes that it said, of RTMP */
	uint64_t batch; /* the next one to send */
	size_t offset;  /* of it, already sent */
};

struct floor {
	struct stream stream;
	struct viewer viewers[VIEWERS_MAX];
	int count;
	int poller, listener, timer, signals;
	uint64_t writes, bytes;
};

/* The last one takes its place. */
static void drop(struct floor *f, struct viewer *v) {
	close(v->fd);
	*v = f->viewers[--f->count];
}

/* Everything that is due to one viewer in one writev. False: it is gone. */
static bool send_due(struct floor *f, struct viewer *v) {
	struct iovec io[GATHER_MAX];
	int n = 0;
	if (v->batch + STREAM_KEPT <= f->stream.next)
		return false;
	for (uint64_t i = v->batch; i < f->stream.next && n < GATHER_MAX; i++) {
		const struct batch *b = stream_batch(&f->stream, i);
		io[n++] = (struct iovec){b->data, b->size};
	}
	if (!n)
		return true;
	io[0].iov_base = (uint8_t *)io[0].iov_base + v->offset;
	io[0].iov_len -= v->offset;
	ssize_t sent = writev(v->fd, io, n);
	if (sent < 0)
		return errno == EAGAIN;
	f->writes++;
	f->bytes += (uint64_t)sent;
	size_t left = (size_t)sent;
	for (int i = 0; i < n && left >= io[i].iov_len; i++) {
		left -= io[i].iov_len;
		v->batch++;
		v->offset = 0;
	}
	v->offset += left;
	return true;
}

static void on_timer(struct floor *f) {
	uint64_t expirations;
	if (read(f->timer, &expirations, sizeof expirations) < 0 || !stream_advance(&f->stream))
		return;
	for (int i = 0; i < f->count;)
		if (f->viewers[i].asked && !send_due(f, &f->viewers[i]))
			drop(f, &f->viewers[i]);
		else
			i++;
}

static void arm(struct floor *f) {
	uint64_t due = stream_due_ns(&f->stream);
	struct itimerspec when = {.it_value = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)}};
	timerfd_settime(f->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void on_accept(struct floor *f) {
	int fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK), one = 1;
	if (fd < 0)
		return;
	if (f->count == VIEWERS_MAX) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	f->viewers[f->count++] = (struct viewer){.fd = fd};
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)fd};
	epoll_ctl(f->poller, EPOLL_CTL_ADD, fd, &e);
}

/* The handshake's second half and the size of chunks; then what the client waits for before it plays. False: it is
 * gone. */
static bool answer_rtmp(struct floor *f, struct viewer *v, size_t size) {
	enum { HANDSHAKE = 1536, GREETING = 1 + HANDSHAKE, CONNECTING = GREETING + HANDSHAKE };
	static const uint8_t shake[1 + 2 * HANDSHAKE] = {3}, chunks[] = {2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 1, 0, 0};
	static const uint8_t result[] = {3, 0, 0, 0, 0, 0, 10, 20, 0, 0, 0, 0, 2, 0, 7, '_', 'r', 'e', 's', 'u', 'l', 't'};
	size_t before = v->heard;
	v->heard += size;
	if (before < GREETING && v->heard >= GREETING)
		return send(v->fd, shake, sizeof shake, MSG_NOSIGNAL) == sizeof shake &&
		       send(v->fd, chunks, sizeof chunks, MSG_NOSIGNAL) == sizeof chunks;
	if (before <= CONNECTING && v->heard > CONNECTING)
		return send(v->fd, result, sizeof result, MSG_NOSIGNAL) == sizeof result;
	if (before > CONNECTING && !v->asked) {
		v->asked = true;
		v->batch = f->stream.next;
	}
	return true;
}

static bool answer_flv(struct floor *f, struct viewer *v) {
	static const char answer[] =
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nFLV\1\5\0\0\0\x09\0\0\0\0\r\n";
	if (v->asked)
		return true;
	v->asked = true;
	v->batch = f->stream.next;
	return send(v->fd, answer, sizeof answer - 1, MSG_NOSIGNAL) == sizeof answer - 1;
}

/* The request's first bytes stand for the whole of it. */
static void on_readable(struct floor *f, int fd) {
	char request[4096];
	struct viewer *v = f->viewers;
	while (v < f->viewers + f->count && v->fd != fd)
		v++;
	if (v == f->viewers + f->count)
		return;
	ssize_t n = read(fd, request, sizeof request);
	bool well = n > 0 ? f->stream.rtmp ? answer_rtmp(f, v, (size_t)n) : answer_flv(f, v) : n < 0 && errno == EAGAIN;
	if (!well)
		drop(f, v);
}

/* False: time to leave. */
static bool on_signal(struct floor *f) {
	struct signalfd_siginfo what;
	if (read(f->signals, &what, sizeof what) < 0 || what.ssi_signo != SIGUSR1)
		return false;
	printf("{\"writes\":%llu,\"bytes\":%llu}\n", (unsigned long long)f->writes, (unsigned long long)f->bytes);
	fflush(stdout);
	return true;
}

static void watch(struct floor *f, int fd) {
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)fd};
	epoll_ctl(f->poller, EPOLL_CTL_ADD, fd, &e);
}

static int serve(struct floor *f, int port) {
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	sigset_t set;
	int one = 1;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	f->poller = epoll_create1(0);
	f->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	f->signals = signalfd(-1, &set, SFD_NONBLOCK);
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(f->listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(f->listener, 4096) != 0) {
		perror("floor");
		return 1;
	}
	watch(f, f->listener);
	watch(f, f->timer);
	watch(f, f->signals);
	for (arm(f);; arm(f)) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(f->poller, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			int fd = (int)events[i].data.u64;
			if (fd == f->timer)
				on_timer(f);
			else if (fd == f->listener)
				on_accept(f);
			else if (fd != f->signals)
				on_readable(f, fd);
			else if (!on_signal(f))
				return 0;
		}
	}
}

int main(int argc, char **argv) {
	static const struct option names[] = {{"listen", 1, NULL, 'l'},
	                                      {"clip", 1, NULL, 'c'},
	                                      {"merge", 1, NULL, 'm'},
	                                      {"rtmp", 0, NULL, 'r'},
	                                      {NULL, 0, NULL, 0}};
	static struct floor f;
	static struct clip clip;
	const char *path = NULL;
	int port = 0, merge = 0;
	bool rtmp = false;
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (c == 'l')
			port = atoi(optarg);
		else if (c == 'c')
			path = optarg;
		else if (c == 'm')
			merge = atoi(optarg);
		else if (c == 'r')
			rtmp = true;
	}
	if (!path || port <= 0 || port > 65535 || merge < 0) {
		fprintf(stderr, "usage: floor --listen PORT --clip FILE [--merge MS] [--rtmp]\n");
		return 2;
	}
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	if (clip_load(&clip, path) != 0)
		return 2;
	stream_init(&f.stream, &clip, (uint32_t)merge, rtmp);
	int status = serve(&f, port);
	stream_fini(&f.stream);
	clip_fini(&clip);
	return status;
}
