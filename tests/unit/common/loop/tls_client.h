/*
 * tls_client.h: a blocking client of TLS with a bound on its patience.
 */
#pragma once

#include "tests/unit/common/loop/support.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int connect_socket(const char *address) {
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval bound = {.tv_sec = WAIT_MAX_MS / 1000};
	int small = 4096; /* so that the server's side fills up */
	sa.sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
	cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

struct client {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
};

struct wish {
	const char *address, *name, *alpn;
	int version; /* the highest; 0: any */
	SSL_SESSION *session;
};

/* Whether the handshake succeeds. */
static inline bool client_open(struct client *c, struct wish w) {
	c->fd = connect_socket(w.address);
	c->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(c->ctx, w.version);
	c->ssl = SSL_new(c->ctx);
	SSL_set_fd(c->ssl, c->fd);
	if (w.name)
		SSL_set_tlsext_host_name(c->ssl, w.name);
	if (w.alpn)
		SSL_set_alpn_protos(c->ssl, (const unsigned char *)w.alpn, (unsigned)strlen(w.alpn));
	if (w.session)
		SSL_set_session(c->ssl, w.session);
	return SSL_connect(c->ssl) == 1;
}

static inline void client_close(struct client *c) {
	SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	close(c->fd);
}

static inline void echo_once(struct client *c) {
	char back[5];
	size_t got = 0;
	cr_assert_eq(SSL_write(c->ssl, "hello", 5), 5);
	while (got < 5) {
		int n = SSL_read(c->ssl, back + got, (int)(5 - got));
		cr_assert_gt(n, 0);
		got += (size_t)n;
	}
	cr_assert_arr_eq(back, "hello", 5);
}

static inline bool is_for(struct client *c, const char *name) {
	X509 *x = SSL_get1_peer_certificate(c->ssl);
	bool yes = X509_check_host(x, name, 0, 0, NULL) == 1;
	X509_free(x);
	return yes;
}
