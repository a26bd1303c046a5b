#include "common/loop/tls_conn.h"
#include "common/loop/conn_parts.h"
#include "common/loop/tls_parts.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
	RECORD = 16384,              /* most plaintext in a record (RFC 8446, 5.1) */
	BATCH_RECORDS = 4,           /* encrypted before the kernel is asked */
	CIPHER_ROOM = 128 * 1024,    /* those with their frames, and a handshake's flight */
	QUEUE_MOST = 2 * CIPHER_ROOM /* ciphertext that may wait: a batch, and answers of TLS itself to a peer that does
	                                not read them */
};

/* Used within one call at a time. */
struct tls_scratch {
	uint8_t read[RECORD], write[RECORD];
	size_t cipher_size;
	uint8_t cipher[CIPHER_ROOM];
};

struct tls_conn {
	struct conn *conn;
	struct tls_certificates *certificates; /* that its handshake chooses from */
	SSL *ssl;
	struct slice in;    /* ciphertext at hand, during a read */
	struct bytes *kept; /* ciphertext that came before a pause took effect */
	size_t kept_at;
	struct bytes *out;  /* ciphertext that is with libuv */
	struct buffer more; /* and what comes behind it */
	uv_write_t request;
	struct timer timeout;
	struct turn_task resume;
	bool established, paused, failed, said_end;
};

/* --- between OpenSSL and the socket --- */

static struct tls_scratch *scratch_of(struct tls_conn *t) {
	return t->conn->worker->tls_scratch;
}

static int on_bio_write(BIO *bio, const char *data, int size) {
	struct tls_scratch *s = scratch_of(BIO_get_data(bio));
	BIO_clear_retry_flags(bio);
	if (s->cipher_size == CIPHER_ROOM) {
		BIO_set_retry_write(bio);
		return -1;
	}
	size_t n = (size_t)size < CIPHER_ROOM - s->cipher_size ? (size_t)size : CIPHER_ROOM - s->cipher_size;
	memcpy(s->cipher + s->cipher_size, data, n);
	s->cipher_size += n;
	return (int)n;
}

static int on_bio_read(BIO *bio, char *out, int size) {
	struct tls_conn *t = BIO_get_data(bio);
	size_t n = t->in.size < (size_t)size ? t->in.size : (size_t)size;
	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(out, t->in.data, n);
	t->in.data += n;
	t->in.size -= n;
	return (int)n;
}

static long on_bio_control(BIO *bio, int command, long number, void *pointer) {
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_conn_bio_new(void) {
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "conn");
	if (m && BIO_meth_set_write(m, on_bio_write) && BIO_meth_set_read(m, on_bio_read) &&
	    BIO_meth_set_ctrl(m, on_bio_control))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* --- ciphertext to the kernel --- */

static void on_written(uv_write_t *request, int status);

static int hand_to_libuv(struct tls_conn *t) {
	uv_buf_t buf = uv_buf_init((char *)t->out->data, (unsigned)t->out->size);
	int err = uv_write(&t->request, &t->conn->stream, &buf, 1, on_written);
	if (err) {
		bytes_unref(&t->out);
		return err;
	}
	t->conn->writing = true;
	return conn_stall_watch(t->conn);
}

/* Sends what the last step of OpenSSL wrote, or keeps it. Leaves the scratch empty. */
static int send_cipher(struct tls_conn *t) {
	struct tls_scratch *s = scratch_of(t);
	size_t size = s->cipher_size;
	s->cipher_size = 0;
	if (size == 0)
		return 0;
	if (t->out) {
		buffer_append(&t->more, s->cipher, size);
		return buffer_error(&t->more);
	}
	uv_buf_t buf = uv_buf_init((char *)s->cipher, (unsigned)size);
	int n = conn_out(t->conn, &buf, 1);
	if (n < 0)
		return n;
	size_t sent = (size_t)n;
	if (sent == size)
		return 0;
	t->out = bytes_copy(s->cipher + sent, size - sent);
	return t->out ? hand_to_libuv(t) : UV_ENOMEM;
}

static void on_written(uv_write_t *request, int status) {
	struct tls_conn *t = list_entry(request, struct tls_conn, request);
	struct conn *c = t->conn;
	if (!status)
		conn_count_written(c, t->out->size);
	bytes_unref(&t->out);
	if (c->closing)
		return;
	if (!status && t->more.size) {
		t->out = buffer_take(&t->more);
		status = t->out ? hand_to_libuv(t) : UV_ENOMEM;
		if (!status)
			return;
	}
	if (t->established || status)
		conn_written(c, status);
}

size_t tls_conn_queued(const struct conn *c) {
	return (c->tls->out ? c->tls->out->size : 0) + c->tls->more.size;
}

/* --- failing --- */

static void fail(struct tls_conn *t, int error, const char *why) {
	char remote[ADDRESS_TEXT_MAX];
	if (t->failed || t->conn->closing)
		return;
	t->failed = true;
	timer_stop(&t->timeout);
	conn_peer(t->conn, remote);
	metric_inc(M_TLS_FAILED);
	log_peer_info("tls connection failed", log_str("remote", remote),
	              log_str("during", t->established ? "the session" : "the handshake"), log_str("reason", why));
	conn_ended(t->conn, error);
}

/* `result` of an SSL function that did not succeed; what OpenSSL wants to say of it is sent. */
static void fail_ssl(struct tls_conn *t) {
	char text[128];
	tls_error_text(text, sizeof text);
	send_cipher(t);
	fail(t, UV_EPROTO, text);
}

static void on_timeout(struct timer *timer) {
	fail(list_entry(timer, struct tls_conn, timeout), UV_ETIMEDOUT, "it took longer than https.handshake_timeout");
}

/* --- reading --- */

static bool wants_input(struct tls_conn *t, int result) {
	return SSL_get_error(t->ssl, result) == SSL_ERROR_WANT_READ;
}

static void handshake(struct tls_conn *t) {
	ERR_clear_error();
	int r = SSL_do_handshake(t->ssl);
	if (r != 1 && !wants_input(t, r)) {
		fail_ssl(t);
		return;
	}
	int err = send_cipher(t);
	if (err) {
		fail(t, err, uv_strerror(err));
	} else if (r == 1) {
		t->established = true;
		timer_stop(&t->timeout);
		metric_inc(M_TLS_HANDSHAKES);
		if (SSL_session_reused(t->ssl))
			metric_inc(M_TLS_RESUMED);
		t->conn->writing = t->out != NULL;
		if (!t->conn->writing)
			worker_at_turn_end(t->conn->worker, &t->conn->flush);
	}
}

/* One record's plain bytes to the session; false: no more for now. */
static bool deliver(struct tls_conn *t) {
	struct tls_scratch *s = scratch_of(t);
	ERR_clear_error();
	int n = SSL_read(t->ssl, s->read, RECORD);
	if (n > 0) {
		int err = send_cipher(t); /* before anybody else needs the scratch */
		if (err)
			fail(t, err, uv_strerror(err));
		else
			t->conn->ops->on_read(t->conn, s->read, (size_t)n);
		return true;
	}
	if (SSL_get_error(t->ssl, n) == SSL_ERROR_ZERO_RETURN) {
		t->failed = true; /* in that nothing more is heard */
		conn_ended(t->conn, UV_EOF);
	} else if (!wants_input(t, n)) {
		fail_ssl(t);
	}
	return false;
}

static bool may_read(const struct tls_conn *t) {
	return !t->failed && !t->conn->closing && !t->conn->lingering;
}

static void advance(struct tls_conn *t) {
	if (!t->established)
		handshake(t);
	if (!t->established)
		return;
	while (t->in.size && may_read(t) && !t->paused && deliver(t)) /* OpenSSL itself keeps no whole record back */
		;
	int err = send_cipher(t); /* a key's update is answered */
	if (err)
		fail(t, err, uv_strerror(err));
}

void tls_conn_read(struct conn *c, const uint8_t *data, size_t size) {
	struct tls_conn *t = c->tls;
	if (!may_read(t))
		return;
	t->in = (struct slice){data, size};
	advance(t);
	if (t->in.size && may_read(t) && t->paused) {
		t->kept = bytes_copy(t->in.data, t->in.size);
		t->kept_at = 0;
		if (!t->kept)
			fail(t, UV_ENOMEM, "out of memory");
	}
	t->in = (struct slice){0};
}

static void on_resume(struct turn_task *task) {
	struct tls_conn *t = list_entry(task, struct tls_conn, resume);
	if (!may_read(t) || t->paused || !t->kept)
		return;
	t->in = (struct slice){t->kept->data + t->kept_at, t->kept->size - t->kept_at};
	advance(t);
	t->kept_at = t->kept->size - t->in.size;
	t->in = (struct slice){0};
	if (t->paused && t->kept_at < t->kept->size)
		return;
	bytes_unref(&t->kept);
	if (may_read(t) && !t->paused)
		conn_read_resume(t->conn);
}

void tls_conn_pause(struct conn *c) {
	c->tls->paused = true;
}

bool tls_conn_resume(struct conn *c) {
	struct tls_conn *t = c->tls;
	t->paused = false;
	if (!t->kept)
		return true;
	worker_at_turn_end(c->worker, &t->resume);
	return false;
}

/* --- writing --- */

/* Walks over what is to be sent. */
struct plain {
	const uv_buf_t *bufs;
	unsigned count, index;
	size_t at;
};

/* The next record's bytes: in place where a run fills one, else gathered. Empty at the end. */
static struct slice next_record(struct plain *p, uint8_t *room) {
	size_t n = 0;
	while (p->index < p->count) {
		const uv_buf_t *b = &p->bufs[p->index];
		size_t left = b->len - p->at, take = left < RECORD - n ? left : RECORD - n;
		const uint8_t *from = (const uint8_t *)b->base + p->at;
		p->at += take;
		if (p->at == b->len) {
			p->index++;
			p->at = 0;
		}
		if (take == RECORD)
			return (struct slice){from, take};
		memcpy(room + n, from, take);
		n += take;
		if (n == RECORD)
			break;
	}
	return (struct slice){room, n};
}

static int encrypt(struct tls_conn *t, struct plain *p, size_t *taken) {
	struct tls_scratch *s = scratch_of(t);
	for (int i = 0; i < BATCH_RECORDS; i++) {
		struct slice record = next_record(p, s->write);
		if (record.size == 0)
			break;
		ERR_clear_error();
		int n = SSL_write(t->ssl, record.data, (int)record.size);
		if (n != (int)record.size) { /* there is room for a batch, and nothing is negotiated anew */
			char text[128], remote[ADDRESS_TEXT_MAX];
			conn_peer(t->conn, remote);
			log_peer_info("tls cannot send", log_str("remote", remote),
			              log_str("reason", tls_error_text(text, sizeof text)));
			return UV_EPROTO;
		}
		*taken += record.size;
	}
	return 0;
}

int tls_conn_write(struct conn *c, const uv_buf_t *bufs, unsigned count) {
	struct tls_conn *t = c->tls;
	struct plain plain = {.bufs = bufs, .count = count};
	size_t taken = 0;
	if (!t->established || t->said_end)
		return UV_ENOTCONN;
	while (plain.index < plain.count && !t->out) {
		int err = encrypt(t, &plain, &taken), sent = send_cipher(t);
		if (err || sent)
			return err ? err : sent;
	}
	return (int)taken;
}

/* --- life --- */

int tls_conn_open(struct conn *c, struct tls *tls) {
	struct tls_slot *slot = &tls->slots[c->worker->index];
	if (!c->worker->tls_scratch)
		c->worker->tls_scratch = calloc(1, sizeof *c->worker->tls_scratch);
	struct tls_conn *t = c->worker->tls_scratch ? calloc(1, sizeof *t) : NULL;
	if (!t)
		return UV_ENOMEM;
	t->conn = c;
	t->certificates = tls_certificates_ref(slot->certificates);
	buffer_init(&t->more, QUEUE_MOST);
	timer_init(&t->timeout, c->worker, on_timeout);
	turn_task_init(&t->resume, on_resume);
	c->tls = t;
	c->writing = true;
	t->ssl = SSL_new(t->certificates->contexts[0]);
	BIO *bio = t->ssl ? BIO_new(tls->bio) : NULL;
	if (!bio || !SSL_set_app_data(t->ssl, (char *)slot) ||
	    timer_start(&t->timeout, tls->settings.handshake_timeout_ms)) {
		BIO_free(bio);
		ERR_clear_error();
		return UV_ENOMEM; /* the conn closes, which frees */
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_accept_state(t->ssl);
	return 0;
}

void tls_conn_stop(struct conn *c) {
	timer_stop(&c->tls->timeout);
	list_remove(&c->tls->resume.node);
}

void tls_conn_free(struct conn *c) {
	struct tls_conn *t = c->tls;
	SSL_free(t->ssl);
	tls_certificates_unref(&t->certificates);
	bytes_unref(&t->kept);
	bytes_unref(&t->out);
	buffer_fini(&t->more);
	free(t);
	c->tls = NULL;
}

bool tls_conn_established(const struct conn *c) {
	return c->tls->established;
}

void tls_conn_say_end(struct conn *c) {
	struct tls_conn *t = c->tls;
	if (!t->established || t->said_end || (t->failed && SSL_get_shutdown(t->ssl) == 0))
		return;
	t->said_end = true;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
	send_cipher(t); /* or not: the peer sees the socket's end */
}
