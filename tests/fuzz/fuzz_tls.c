/* TLS: whatever a client sends, split anywhere, a server's connection fails or waits, ends once and frees what it had.
 * The layer is conn's own, over a socket pair, on a real worker. */
#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/loop/tls.h"
#include "common/loop/tls_conn.h"
#include "tests/unit/common/loop/certificate.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct tls *tls;
static struct workers *group;
static struct tls_settings settings;

/* --- the server's side, on the worker --- */

struct session {
	struct message message;
	struct conn conn;
	int fd, ends;
	uv_sem_t closed;
};

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	conn_send(c, bytes_copy(data, size));
}

static void on_end(struct conn *c, int error) {
	struct session *s = list_entry(c, struct session, conn);
	assert(error < 0 && error != UV_ETIMEDOUT);
	assert(s->ends++ == 0);
	conn_close(c);
}

static void on_closed(struct conn *c) {
	uv_sem_post(&list_entry(c, struct session, conn)->closed);
}

static const struct conn_ops ops = {.on_read = on_read, .on_end = on_end, .on_closed = on_closed};

static void begin(struct worker *w, struct message *m) {
	struct session *s = (struct session *)m;
	int err = conn_adopt(&s->conn, w, s->fd, true, &ops);
	assert(!err);
	if (tls_conn_open(&s->conn, tls))
		conn_close(&s->conn);
}

static int start(struct worker *w, void *context) {
	(void)w;
	(void)context;
	return 0;
}

static void stop(struct worker *w, void *context) {
	(void)w;
	(void)context;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	static const struct worker_hooks hooks = {.start = start, .stop = stop};
	static const uint8_t alpn[] = "\x02h2\x08http/1.1";
	static char certificate[64], pair[140];
	static const char *pairs[] = {pair};
	char key[64];
	struct buffer why;
	(void)argc;
	(void)argv;
	buffer_init(&why, 0);
	clock_init();
	signal(SIGPIPE, SIG_IGN);
	logger_configure(LOG_ERROR, LOG_FORMAT_TEXT, "fuzz", "fuzz");
	snprintf(certificate, sizeof certificate, "/tmp/weir-fuzz-tls-%d.pem", (int)getpid());
	snprintf(key, sizeof key, "/tmp/weir-fuzz-tls-%d.key", (int)getpid());
	snprintf(pair, sizeof pair, "%s:%s", certificate, key);
	bool written = certificate_write(certificate, key, "DNS:localhost");
	assert(written);
	settings = (struct tls_settings){.pairs = pairs,
	                                 .count = 1,
	                                 .alpn = {alpn, sizeof alpn - 1},
	                                 .handshake_timeout_ms = 600000,
	                                 .reload_ms = 600000};
	int err = tls_new(&tls, &settings, &why);
	assert(!err);
	unlink(certificate);
	unlink(key);
	err = workers_start(&group, 1, &hooks, NULL);
	assert(!err);
	return 0;
}

/* --- the client's side --- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct session s = {.message.deliver = begin};
	size_t step = size ? 1 + 16 * (size_t)data[0] : 1; /* the first byte says how the rest is split */
	char answer[4096];
	int fds[2];
	int err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
	assert(!err);
	s.fd = fds[1];
	uv_sem_init(&s.closed, 0);
	worker_post(workers_at(group, 0), &s.message);
	for (size_t at = 1; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		if (send(fds[0], data + at, n, MSG_NOSIGNAL) < 0)
			break;
	}
	shutdown(fds[0], SHUT_WR);
	while (read(fds[0], answer, sizeof answer) > 0)
		;
	uv_sem_wait(&s.closed);
	close(fds[0]);
	uv_sem_destroy(&s.closed);
	return 0;
}
