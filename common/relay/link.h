/*
 * link.h: one relay link between two nodes, either end, on one worker.
 *
 * Hello, proof, pings and the clock's offset are the link's own; all other messages go to its owner. Whoever accepts
 * hands the connection to the worker that the other asked for, before anything else is read.
 *
 *   connecter                      accepter
 *   Hello              ──────────▶ (moves to the wanted worker)
 *                      ◀────────── Hello, Proof
 *   Proof              ──────────▶
 *   ready                          ready
 */
#pragma once

#include "common/base/config.h"
#include "common/loop/conn.h"
#include "common/loop/listener.h"
#include "common/relay/auth.h"
#include "common/relay/framing.h"

enum { RELAY_VERSION_MIN = 1, RELAY_VERSION_MAX = 1, RELAY_NODE_SIZE = 160, RELAY_WHY_SIZE = 160 };

/* What a node says of itself on its links; made in main, constant after. */
struct relay_node {
	const struct config *config;
	char id[RELAY_NODE_SIZE];
	Weir__Relay__Role role;
	uint64_t incarnation;
};

struct link;

struct link_ops {
	/* Both sides have proved themselves. */
	void (*on_ready)(struct link *);
	/* A message that is not the link's own. A negative code closes the link with it. */
	int (*on_message)(struct link *, const struct relay_message *m);
	/* Room again after link_full. */
	void (*on_writable)(struct link *);
	/* The link is over (`link->why` tells): let go of it. Not ready links come here too. The memory goes after. */
	void (*on_closed)(struct link *);
};

struct link {
	struct conn conn;
	struct list node; /* for the owner of an accepted one; it leaves its list when it closes or moves */
	uint64_t id;      /* unlike any other's on this worker */
	const struct relay_node *self;
	const struct link_ops *ops;
	void *owner; /* the server, or the upstream */
	void *serve; /* the serving side's state */
	bool accepter, ready, closed;
	bool refused;                   /* nobody listens at its address */
	bool moved;                     /* it came here from the worker that accepted it */
	void (*on_here)(struct link *); /* accepter */
	struct relay_reader reader;
	struct buffer raw; /* accepter: what was read before it is known which worker is wanted */
	struct bytes *own_hello, *peer_hello;
	char peer[RELAY_NODE_SIZE]; /* its node id */
	Weir__Relay__Role peer_role;
	uint64_t peer_incarnation;
	char remote[ADDRESS_TEXT_MAX];
	struct timer timer;
	uint64_t heard_ms; /* loop time of the last bytes */
	int64_t ping_sent_us;
	bool offset_told;
	char why[RELAY_WHY_SIZE];
};

/* Feeders stop at the first. Beyond it lie a message or two of the largest size that each had begun with (a keyframe
 * and its head, an answer to Fetch), and behind those the small ones that always go. At the second the other node does
 * not read. */
enum { LINK_QUEUE_HIGH = 256 * 1024, LINK_QUEUE_LIMIT = 4 * RELAY_PAYLOAD_MAX };

/* Connects and asks for worker `w`'s number at the other end; on_ready or on_closed follows. NULL: out of memory. */
struct link *link_connect(struct worker *w, const struct relay_node *self, const struct address *to,
                          const struct link_ops *ops, void *owner);

/* Takes the listener's waiting connection. `on_here` is called with it on the worker that it ends up on, once the Hello
 * is read (perhaps another worker than this): it sets ops and owner. Until then its `node` is for who holds the link
 * here. NULL: refused, or it has failed already. */
struct link *link_accept(struct listener *l, const struct relay_node *self, void (*on_here)(struct link *));

/* Sends a message; takes nothing over. Failures close the link. */
void link_send(struct link *l, const Weir__Relay__Header *header, struct slice payload);

/* Sends a block of whole messages by reference. */
void link_send_block(struct link *l, struct bytes *block);

/* Nothing that comes is needed soon (conn_lull), or again at once: also when something is sent, which may be a
 * question. What has come meanwhile is read by link_read_now, within the call. */
void link_lull(struct link *l, bool on);
void link_read_now(struct link *l);

/* True when so much is queued that a feeder should wait for on_writable. */
bool link_full(const struct link *l);

/* Ends it; the first reason counts. */
void link_close(struct link *l, const char *why);
