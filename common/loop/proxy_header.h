/*
 * proxy_header.h: what a proxy says first on a connection that it makes for a client: who the client is. The PROXY
 * protocol of HAProxy, versions 1 (2.1, a line of text) and 2 (2.2, binary). Pure.
 */
#pragma once

#include "common/base/bytes.h"

#include <netinet/in.h>
#include <stdbool.h>

struct proxy_header {
	bool told;                    /* false: the proxy speaks for itself (its health checks), or does not know */
	struct sockaddr_storage from; /* told: the client, over IPv4 or IPv6 */
};

enum {
	PROXY_LINE_MAX = 107,    /* bytes of version 1, with its CR LF */
	PROXY_HEADER_MAX = 4096, /* of version 2, with what else a proxy tells in it (TLVs), which is passed over */
};

/* Reads the header at the front of `data`. How many bytes it has; 0: they have not all come; UV_EPROTO: this is none,
 * or it is longer than the bounds above. */
int proxy_header_read(struct proxy_header *out, struct slice data);
