/*
 * conn_peer.c: peers that vanished without a word: their machine died, the cable was cut, a firewall forgot them.
 *
 * The kernel finds out by itself if it is told to. While data is unacknowledged TCP_USER_TIMEOUT ends the connection;
 * while nothing is, keepalive's probes ask (RFC 9293, 3.8.3 and 3.8.4; RFC 5482). With a user timeout set Linux does
 * not count the probes: the connection ends when the peer has been silent for that long.
 *
 * A window that stays closed counts as silence too, however alive the peer is. So whoever may stop reading for a while
 * needs a timeout as long as that.
 */
#include "common/loop/conn_parts.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { PROBES = 3 };

static int set(int fd, int level, int option, unsigned value) {
	return setsockopt(fd, level, option, &value, sizeof value);
}

/* Sockets that cannot be told are dead already, and say so when they are read. */
void conn_watch_peer(struct conn *c) {
	if (c->handle.type != UV_TCP || !c->peer_timeout_ms)
		return;
	unsigned whole_s = (c->peer_timeout_ms + 999) / 1000;
	unsigned idle_s = whole_s > 2 ? whole_s / 2 : 1, left_s = whole_s > idle_s ? whole_s - idle_s : 1;
	set(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
	set(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, (left_s + PROBES - 1) / PROBES);
	set(c->fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	set(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, c->peer_timeout_ms);
	set(c->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void conn_set_peer_timeout(struct conn *c, uint32_t ms) {
	c->peer_timeout_ms = ms;
	if (c->open)
		conn_watch_peer(c);
}
