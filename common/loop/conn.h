/*
 * conn.h: one stream socket (TCP or Unix, with TLS or in clear) on one worker, as all protocols see it.
 *
 * Embedded in a session. Life: conn_accept, conn_connect or conn_adopt → callbacks → conn_close → on_closed, in which
 * the session may free itself. Everything runs on the conn's worker. Callbacks may call any conn function, also
 * conn_close; after conn_close no callback comes but on_closed, in a later turn.
 *
 *   phase      | send | close | callbacks
 *   connecting | no   | yes   | on_connect
 *   open       | yes  | yes   | on_read, on_writable, on_end
 *   closing    | no-op| no-op | on_closed
 *
 * With TLS (the listener says so) it is open from the start, but blocked until the handshake is over; on_read and
 * on_end speak of what is inside. Counts of bytes are those of the socket.
 *
 * Sending never copies counted blocks, but to encrypt them. Media senders take conn_try_writev, everything else
 * conn_send.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/loop/address.h"
#include "common/loop/worker.h"

#include <stdbool.h>
#include <uv.h>

struct conn;
struct listener;

struct conn_ops {
	/* `data` is borrowed for the call. */
	void (*on_read)(struct conn *, const uint8_t *data, size_t size);
	/* Nothing is queued any more: what conn_send queued, or what was kept while the socket was full, is sent. May be
	 * NULL. */
	void (*on_writable)(struct conn *);
	/* The peer ended (UV_EOF), the socket failed, or it is stalled (UV_ETIMEDOUT, conn_stalled). Nothing is closed yet:
	 * call conn_close, now or after more sends. */
	void (*on_end)(struct conn *, int error);
	/* The socket is gone; last callback. */
	void (*on_closed)(struct conn *);
	/* Only for conn_connect: 0, or why not (then call conn_close). */
	void (*on_connect)(struct conn *, int error);
	/* Only where listeners await a proxy's word (listener.h): it has come, before anything is read, and conn_peer
	 * tells whom the proxy speaks for. May be NULL. */
	void (*on_peer)(struct conn *);
};

struct tls_conn;
struct conn_proxy;

/* One run of bytes to send, inside the block `owner`. */
struct conn_slice {
	const uint8_t *data;
	size_t size;
	struct bytes *owner;
};

/* What waits for the kernel (conn_queue.c). It is a part of the conn, so that a viewer whose socket is full takes no
 * more memory than one that plays. */
struct conn_pending {
	struct conn_slice *items;        /* owned references; `one` until there are more */
	uint32_t first, count, capacity; /* the limit and one block bound them */
	size_t bytes;
	struct conn_slice one;
	uv_write_t request;
};

struct conn {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	/* What a send touches lies together: a fan-out finds each viewer's cold. */
	int fd; /* -1 until it is open */
	bool open, closing;
	bool writing;   /* the kernel was full: the first pending run, or ciphertext, is with libuv; or TLS has not begun */
	bool lingering; /* conn_close_after_send: nothing is heard any more */
	bool limited;   /* counts towards limits.connections */
	bool lulled;    /* conn_lull */
	struct tls_conn *tls; /* NULL: in clear */
	struct worker *worker;
	uint64_t last_written_ms; /* loop time when the kernel last took bytes */
	uint64_t written_bytes;
	struct conn_pending pending;
	const struct conn_ops *ops;
	struct turn_task flush;
	uint64_t read_bytes;
	uint64_t last_read_ms; /* loop time of the last bytes read */
	struct conn_connect *connecting;
	struct conn_proxy *proxy; /* NULL: who connects is whom it is about */
	uint32_t peer_timeout_ms; /* conn_set_peer_timeout; 0: the kernel's own patience */
	uint32_t stall_ms;        /* conn_watch_stall; 0: not watched */
	struct timer stall;       /* set when the kernel is full; of a conn that lingers, its end */
};

/* A lull's bytes are no more than what a connection's window holds from the start, so that it does not slow the peer.
 */
enum { CONN_LULL_BYTES = 48 * 1024 };

/* Keeping a run of bytes takes memory beside them: its place in the queue, its block's head. A peer that has us answer
 * in few bytes each shall cost no more than one that is sent large ones. */
enum { CONN_WRITEV_MAX = 64, CONN_QUEUE_LIMIT = 4 * 1024 * 1024, CONN_RUN_COST = 128 };

/* conn_accept, conn_connect and conn_adopt return 0, and then on_closed comes one day (at once if the socket is dead
 * already); or a code, and then nothing has begun and the memory is the caller's. */

/* Takes the connection that `listener` has waiting and begins to read. UV_ENFILE: limits.connections is reached, the
 * connection was closed. */
int conn_accept(struct conn *c, struct listener *l, const struct conn_ops *ops);

/* Resolves, and connects to the first of the addresses that takes it, each of which has its share of the time;
 * on_connect tells. */
int conn_connect(struct conn *c, struct worker *w, const struct address *to, uint64_t timeout_ms,
                 const struct conn_ops *ops);

/* Takes over a connected descriptor (and owns it, also on failure). UV_ENFILE: limits.connections. */
int conn_adopt(struct conn *c, struct worker *w, int fd, bool is_unix, const struct conn_ops *ops);

/* Gives the descriptor away to be adopted on another worker: a duplicate is returned and the conn closes without ending
 * the connection (on_closed follows). Nothing may be queued, and it is in clear. A negative libuv code on failure. */
int conn_detach(struct conn *c);

/* Stops or resumes on_read (back-pressure). */
void conn_read_pause(struct conn *c);
void conn_read_resume(struct conn *c);

/*
 * Nothing that comes is needed soon: until this is taken back on_read comes when the peer ends, when CONN_LULL_BYTES
 * have come, or in conn_read_now. For TCP in clear; elsewhere it has no effect.
 */
void conn_lull(struct conn *c, bool on);

/* Reads what has come, within the call, and ends a lull. Without one nothing happens. */
void conn_read_now(struct conn *c);

/*
 * Queues a block (takes the caller's reference, also on failure) for the end of this turn, behind all that was sent
 * before. UV_ENOBUFS where CONN_QUEUE_LIMIT is queued already: the peer does not read; close it. What comes first says
 * nothing of that, so a block of any size is taken below the limit. UV_ENOTCONN when not open.
 */
int conn_send(struct conn *c, struct bytes *b);

/* The same with another limit than CONN_QUEUE_LIMIT: for who stops at a mark of its own, but has large blocks to send
 * and small ones behind them. */
int conn_send_within(struct conn *c, struct bytes *b, size_t limit);

/* As conn_send, for a part of a block. */
int conn_send_slice(struct conn *c, const struct conn_slice *s);

/*
 * Sends now, in one system call behind what is queued, as many of the `count` slices (at most CONN_WRITEV_MAX) as the
 * kernel takes. Returns how many are done with: sent, or the one that went in part, whose rest is kept by reference; or
 * a negative code. If fewer than `count`, the conn is blocked and on_writable follows. Blocked already: 0.
 */
int conn_try_writev(struct conn *c, const struct conn_slice *slices, size_t count);

/* Sends now what the kernel takes of `data`, and keeps nothing. How many bytes that was, or a negative code; 0 also
 * where something is queued or blocked, and with TLS, which would not know what to do with a rest that is not kept. */
int conn_try_write(struct conn *c, const uint8_t *data, size_t size);

/* From now on a peer that takes nothing of what waits for it for `ms` has on_end told. A timer runs only while
 * something waits. */
void conn_watch_stall(struct conn *c, uint32_t ms);

/* True when it is so just now. */
bool conn_stalled(const struct conn *c);

/* A peer that vanished is noticed about so long after it was last heard, whether data waits for its word or nothing is
 * sent (UV_ETIMEDOUT in on_end); so is one that takes nothing for so long. The worker's until it is set; any time after
 * the conn has begun. */
void conn_set_peer_timeout(struct conn *c, uint32_t ms);

/* True while bytes wait for the kernel. */
bool conn_blocked(const struct conn *c);

/* Bytes queued, whether or not blocked, and CONN_RUN_COST for each run of them; 0: nothing is queued. */
size_t conn_queued(const struct conn *c);

/* Begins the end. What is queued is dropped; conn_close_after_send first sends it, for at most `timeout_ms`. */
void conn_close(struct conn *c);
void conn_close_after_send(struct conn *c, uint64_t timeout_ms);

/* The peer's address as text; behind a proxy that said whom it speaks for, that one's. */
void conn_peer(const struct conn *c, char out[ADDRESS_TEXT_MAX]);
