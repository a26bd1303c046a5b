#include "common/relay/link.h"

#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/base/random.h"
#include "common/relay/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum { HELLO_LIMIT = 8192, OFFSET_WARN_US = 250000 };

static struct link *link_of(struct conn *c) {
	return list_entry(c, struct link, conn);
}

static const struct config_node *config_of(const struct link *l) {
	return config_node(l->self->config);
}

/* --- the end --- */

void link_close(struct link *l, const char *why) {
	if (l->closed)
		return;
	l->closed = true;
	snprintf(l->why, sizeof l->why, "%s", why);
	list_remove(&l->node);
	timer_stop(&l->timer);
	if (l->accepter && !l->ready)
		log_peer_warn("relay link refused", log_str("remote", l->remote), log_str("reason", l->why));
	if (l->ready)
		log_info("relay link closed", log_str("peer", l->peer), log_str("remote", l->remote),
		         log_str("reason", l->why));
	if (l->ops)
		l->ops->on_closed(l);
	conn_close(&l->conn);
}

static void on_conn_closed(struct conn *c) {
	struct link *l = link_of(c);
	link_close(l, "the socket failed"); /* where nobody has said so yet */
	relay_reader_fini(&l->reader);
	buffer_fini(&l->raw);
	bytes_unref(&l->own_hello);
	bytes_unref(&l->peer_hello);
	metric_dec(M_CONNECTIONS_RELAY);
	free(l);
}

static void on_end(struct conn *c, int error) {
	link_close(link_of(c), error == UV_EOF ? "the other node closed the link" : uv_strerror(error));
}

/* --- sending --- */

void link_send_block(struct link *l, struct bytes *block) {
	if (l->closed)
		return;
	link_lull(l, false);
	int err = conn_send_within(&l->conn, bytes_ref(block), LINK_QUEUE_LIMIT);
	if (err)
		link_close(l, err == UV_ENOBUFS ? "the other node does not read" : uv_strerror(err));
}

void link_send(struct link *l, const Weir__Relay__Header *header, struct slice payload) {
	struct bytes *block = relay_pack(header, payload);
	if (!block) {
		link_close(l, "out of memory");
		return;
	}
	link_send_block(l, block);
	bytes_unref(&block);
}

void link_lull(struct link *l, bool on) {
	conn_lull(&l->conn, on && !l->closed);
}

void link_read_now(struct link *l) {
	if (!l->closed)
		conn_read_now(&l->conn);
}

bool link_full(const struct link *l) {
	return l->closed || conn_queued(&l->conn) >= LINK_QUEUE_HIGH;
}

static void on_writable(struct conn *c) {
	struct link *l = link_of(c);
	if (l->ready && !l->closed)
		l->ops->on_writable(l);
}

/* --- hello and proof --- */

static void send_hello(struct link *l) {
	uint8_t nonce[RELAY_NONCE_SIZE];
	random_bytes(nonce, sizeof nonce);
	Weir__Relay__Hello h_body = WEIR__RELAY__HELLO__INIT;
	h_body.version_min = RELAY_VERSION_MIN;
	h_body.version_max = RELAY_VERSION_MAX;
	h_body.node = (char *)l->self->id;
	h_body.role = l->self->role;
	h_body.nonce = (ProtobufCBinaryData){sizeof nonce, nonce};
	h_body.incarnation = l->self->incarnation;
	h_body.worker = l->conn.worker->index;
	h_body.wall_us = clock_wall_us();
	RELAY_HEADER(h, hello, HELLO);
	l->own_hello = relay_pack(&h, (struct slice){0});
	if (l->own_hello)
		link_send_block(l, l->own_hello);
	else
		link_close(l, "out of memory");
}

static int mac_of(const struct link *l, bool own, uint8_t out[RELAY_MAC_SIZE]) {
	struct slice ours = bytes_slice(l->own_hello), theirs = bytes_slice(l->peer_hello);
	enum relay_side prover = own == l->accepter ? RELAY_ACCEPTER : RELAY_CONNECTER;
	return relay_mac(out, config_of(l)->relay_secret, prover, l->accepter ? theirs : ours, l->accepter ? ours : theirs,
	                 (struct slice){0});
}

static void send_proof(struct link *l) {
	uint8_t mac[RELAY_MAC_SIZE];
	if (mac_of(l, true, mac)) {
		link_close(l, "out of memory");
		return;
	}
	Weir__Relay__Proof h_body = WEIR__RELAY__PROOF__INIT;
	h_body.mac = (ProtobufCBinaryData){sizeof mac, mac};
	RELAY_HEADER(h, proof, PROOF);
	link_send(l, &h, (struct slice){0});
}

static void become_ready(struct link *l) {
	l->ready = true;
	log_info("relay link ready", log_str("peer", l->peer), log_str("remote", l->remote),
	         log_u64("worker", l->conn.worker->index));
	if (timer_start(&l->timer, (uint64_t)config_of(l)->relay_ping_interval))
		link_close(l, "out of memory");
	else
		l->ops->on_ready(l);
}

static int on_proof(struct link *l, const Weir__Relay__Proof *p) {
	uint8_t mac[RELAY_MAC_SIZE];
	if (!l->peer_hello || !l->own_hello || l->ready)
		return UV_EPROTO;
	if (mac_of(l, false, mac))
		return UV_ENOMEM;
	if (!relay_mac_equal(mac, (struct slice){p->mac.data, p->mac.len})) {
		log_peer_error("relay link refused: the other node's relay.secret is another", log_str("peer", l->peer),
		               log_str("remote", l->remote));
		return UV_EACCES;
	}
	if (!l->accepter)
		send_proof(l);
	if (!l->closed)
		become_ready(l);
	return 0;
}

/* The Hello as it was sent: packed anew it is the same, for nothing of it is unknown to us; what is would change the
 * MAC. */
static int keep_hello(struct link *l, const struct relay_message *m) {
	const Weir__Relay__Hello *hello = m->header->hello;
	if (l->peer_hello || strlen(hello->node) >= sizeof l->peer || hello->nonce.len != RELAY_NONCE_SIZE)
		return UV_EPROTO;
	l->peer_hello = relay_pack(m->header, (struct slice){0});
	if (!l->peer_hello)
		return UV_ENOMEM;
	snprintf(l->peer, sizeof l->peer, "%s", hello->node);
	l->peer_role = hello->role;
	l->peer_incarnation = hello->incarnation;
	if (hello->version_min > RELAY_VERSION_MAX || hello->version_max < RELAY_VERSION_MIN) {
		log_peer_error("relay link refused: no common version of the protocol", log_str("peer", l->peer),
		               log_str("remote", l->remote), log_u64("their_least", hello->version_min),
		               log_u64("their_newest", hello->version_max));
		return UV_EPROTONOSUPPORT;
	}
	return 0;
}

/* --- moving to the wanted worker --- */

struct move {
	struct message message;
	const struct relay_node *self;
	void (*on_here)(struct link *);
	struct bytes *raw;
	int fd;
	bool is_unix;
};

static const struct conn_ops conn_ops;
static void on_timer(struct timer *t);
static int on_message(void *context, const struct relay_message *m);

static struct link *link_new(struct worker *w, const struct relay_node *self, bool accepter) {
	struct link *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	list_init(&l->node);
	l->self = self;
	l->accepter = accepter;
	relay_reader_init(&l->reader, on_message, l);
	l->reader.header_max = l->reader.payload_max = HELLO_LIMIT; /* until the other has proved itself */
	buffer_init(&l->raw, HELLO_LIMIT);
	timer_init(&l->timer, w, on_timer);
	l->heard_ms = worker_now_ms(w);
	return l;
}

static int begin(struct link *l) {
	metric_inc(M_CONNECTIONS_RELAY);
	conn_set_peer_timeout(&l->conn, (uint32_t)config_of(l)->relay_dead_after);
	return timer_start(&l->timer, (uint64_t)config_of(l)->relay_dead_after);
}

static void feed(struct link *l, const uint8_t *data, size_t size) {
	int err = relay_reader_feed(&l->reader, data, size);
	if (err && !l->closed)
		link_close(l, err == UV_EPROTO   ? "not the relay's protocol"
		              : err == UV_EACCES ? "the proof of the secret is wrong"
		              : err == UV_E2BIG  ? "a message larger than the limit"
		                                 : uv_strerror(err));
}

static void deliver_move(struct worker *w, struct message *message) {
	struct move *m = (struct move *)message;
	struct link *l = link_new(w, m->self, true);
	if (!l)
		close(m->fd);
	if (!l || conn_adopt(&l->conn, w, m->fd, m->is_unix, &conn_ops)) {
		log_error("relay link lost on its way to its worker: out of memory or connections",
		          log_u64("worker", w->index));
		free(l);
	} else {
		conn_peer(&l->conn, l->remote);
		l->on_here = m->on_here;
		l->moved = true;
		if (begin(l))
			link_close(l, "out of memory");
		else
			feed(l, m->raw->data, m->raw->size);
	}
	bytes_unref(&m->raw);
	free(m);
}

/* The descriptor and the bytes of the Hello go to the other worker; this link closes without a word. */
static int move_to(struct link *l, struct worker *to) {
	struct move *m = calloc(1, sizeof *m);
	struct bytes *raw = buffer_take(&l->raw);
	int fd = m && raw ? conn_detach(&l->conn) : UV_ENOMEM;
	if (fd < 0) {
		free(m);
		bytes_unref(&raw);
		return fd;
	}
	*m = (struct move){.message.deliver = deliver_move,
	                   .self = l->self,
	                   .on_here = l->on_here,
	                   .raw = raw,
	                   .fd = fd,
	                   .is_unix = l->conn.handle.type == UV_NAMED_PIPE};
	l->closed = true;
	list_remove(&l->node);
	timer_stop(&l->timer);
	worker_post(to, &m->message);
	return UV_ECANCELED;
}

static int on_hello(struct link *l, const struct relay_message *m) {
	int err = keep_hello(l, m);
	if (err || !l->accepter)
		return err;
	struct worker *w = l->conn.worker;
	unsigned wanted = m->header->hello->worker % workers_count(w->group);
	if (wanted != w->index && !l->moved)
		return move_to(l, workers_at(w->group, wanted));
	buffer_fini(&l->raw);
	l->on_here(l);
	send_hello(l);
	if (!l->closed)
		send_proof(l);
	return 0;
}

/* --- pings --- */

static void send_ping(struct link *l) {
	Weir__Relay__Ping h_body = WEIR__RELAY__PING__INIT;
	l->ping_sent_us = clock_wall_us();
	h_body.id = (uint64_t)l->ping_sent_us;
	RELAY_HEADER(h, ping, PING);
	link_send(l, &h, (struct slice){0});
}

static void send_pong(struct link *l, uint64_t id) {
	Weir__Relay__Pong h_body = WEIR__RELAY__PONG__INIT;
	h_body.id = id;
	h_body.wall_us = clock_wall_us();
	RELAY_HEADER(h, pong, PONG);
	link_send(l, &h, (struct slice){0});
}

/* The other's clock against ours, in the middle of the ping's way. */
static void check_offset(struct link *l, const Weir__Relay__Pong *p) {
	int64_t now = clock_wall_us();
	if (p->id != (uint64_t)l->ping_sent_us || l->offset_told)
		return;
	int64_t offset = p->wall_us - (l->ping_sent_us + now) / 2;
	if (llabs(offset) <= OFFSET_WARN_US + (now - l->ping_sent_us) / 2)
		return;
	l->offset_told = true;
	log_warn("the clocks of two nodes differ: set both by NTP", log_str("peer", l->peer),
	         log_i64("offset_ms", offset / 1000));
}

static void on_timer(struct timer *t) {
	struct link *l = list_entry(t, struct link, timer);
	uint64_t now = worker_now_ms(l->conn.worker), dead_after = (uint64_t)config_of(l)->relay_dead_after;
	if (!l->ready) {
		link_close(l, "no Hello and proof within relay.dead_after");
		return;
	}
	if (now - l->heard_ms >= dead_after) {
		link_close(l, "silent for relay.dead_after");
		return;
	}
	send_ping(l);
	uint64_t ping = (uint64_t)config_of(l)->relay_ping_interval, dead = l->heard_ms + dead_after - now;
	if (!l->closed && timer_start(&l->timer, ping < dead ? ping : dead))
		link_close(l, "out of memory");
}

/* --- reading --- */

static int on_message(void *context, const struct relay_message *m) {
	struct link *l = context;
	int err = 0;
	if (l->closed)
		return UV_ECANCELED;
	switch (m->header->body_case) {
	case WEIR__RELAY__HEADER__BODY_HELLO:
		err = on_hello(l, m);
		break;
	case WEIR__RELAY__HEADER__BODY_PROOF:
		err = on_proof(l, m->header->proof);
		l->reader.header_max = RELAY_HEADER_MAX;
		l->reader.payload_max = RELAY_PAYLOAD_MAX;
		break;
	case WEIR__RELAY__HEADER__BODY_PING:
		if (l->ready)
			send_pong(l, m->header->ping->id);
		break;
	case WEIR__RELAY__HEADER__BODY_PONG:
		if (l->ready)
			check_offset(l, m->header->pong);
		break;
	case WEIR__RELAY__HEADER__BODY__NOT_SET: /* of a newer version: skipped */
		break;
	default:
		err = l->ready ? l->ops->on_message(l, m) : UV_EPROTO;
	}
	return err ? err : l->closed ? UV_ECANCELED : 0;
}

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	struct link *l = link_of(c);
	if (l->closed)
		return;
	l->heard_ms = worker_now_ms(c->worker);
	if (l->accepter && !l->peer_hello && !l->moved)
		buffer_append(&l->raw, data, size);
	feed(l, data, size);
}

static void on_connect(struct conn *c, int error) {
	struct link *l = link_of(c);
	if (error) {
		l->refused = error == UV_ECONNREFUSED;
		link_close(l, uv_strerror(error));
		return;
	}
	conn_peer(c, l->remote);
	send_hello(l);
}

static const struct conn_ops conn_ops = {.on_read = on_read,
                                         .on_writable = on_writable,
                                         .on_end = on_end,
                                         .on_closed = on_conn_closed,
                                         .on_connect = on_connect};

struct link *link_connect(struct worker *w, const struct relay_node *self, const struct address *to,
                          const struct link_ops *ops, void *owner) {
	struct link *l = link_new(w, self, false);
	if (!l)
		return NULL;
	l->ops = ops;
	l->owner = owner;
	if (conn_connect(&l->conn, w, to, (uint64_t)config_of(l)->relay_dead_after, &conn_ops)) {
		free(l);
		return NULL;
	}
	if (begin(l)) {
		l->ops = NULL;
		link_close(l, "out of memory");
		return NULL;
	}
	return l;
}

struct link *link_accept(struct listener *listener, const struct relay_node *self, void (*on_here)(struct link *)) {
	struct link *l = link_new(listener->worker, self, true);
	if (!l) {
		listener_refuse(listener);
		return NULL;
	}
	l->on_here = on_here;
	if (conn_accept(&l->conn, listener, &conn_ops)) {
		free(l);
		return NULL;
	}
	conn_peer(&l->conn, l->remote);
	if (begin(l)) {
		link_close(l, "out of memory");
		return NULL;
	}
	return l;
}
