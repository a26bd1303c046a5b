/*
 * conn_proxy.c: connections that a proxy makes for others. Until it has said for whom, nothing reaches the session, nor
 * TLS.
 */
#include "common/loop/conn_parts.h"

#include "common/base/logger.h"
#include "common/loop/proxy_header.h"

#include <stdlib.h>
#include <string.h>

struct conn_proxy {
	size_t size; /* of the header, so far */
	bool over;
	char client[ADDRESS_TEXT_MAX]; /* over: who connected; "" when the proxy speaks for itself */
	uint8_t header[];              /* PROXY_HEADER_MAX bytes, until it is over */
};

int conn_proxy_open(struct conn *c) {
	c->proxy = malloc(sizeof *c->proxy + PROXY_HEADER_MAX);
	if (!c->proxy)
		return UV_ENOMEM;
	memset(c->proxy, 0, sizeof *c->proxy);
	return 0;
}

bool conn_proxy_awaited(const struct conn *c) {
	return c->proxy && !c->proxy->over;
}

const char *conn_proxy_client(const struct conn *c) {
	return c->proxy && *c->proxy->client ? c->proxy->client : NULL;
}

static void refuse(struct conn *c) {
	char remote[ADDRESS_TEXT_MAX];
	conn_peer(c, remote);
	log_peer_info("connection refused: it does not begin with a PROXY header", log_str("remote", remote));
	conn_ended(c, UV_EPROTO);
}

/* The memory of the header is given back. */
static void end(struct conn *c, const struct proxy_header *h) {
	struct conn_proxy *p = realloc(c->proxy, sizeof *p);
	if (p)
		c->proxy = p;
	c->proxy->over = true;
	if (h->told)
		address_print((const struct sockaddr *)&h->from, c->proxy->client, sizeof c->proxy->client);
	if (c->ops->on_peer)
		c->ops->on_peer(c);
}

size_t conn_proxy_read(struct conn *c, const uint8_t *data, size_t size) {
	struct conn_proxy *p = c->proxy;
	struct proxy_header h;
	size_t before = p->size, room = PROXY_HEADER_MAX - before, taken = size < room ? size : room;
	memcpy(p->header + before, data, taken);
	p->size += taken;
	int found = proxy_header_read(&h, (struct slice){p->header, p->size});
	if (found < 0 || (found == 0 && p->size == PROXY_HEADER_MAX)) {
		refuse(c);
		return size;
	}
	if (found == 0)
		return size;
	end(c, &h);
	return (size_t)found - before;
}
