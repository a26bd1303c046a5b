#include "common/loop/tls_certificates.h"
#include "common/loop/tls_tickets.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Forward secrecy and authenticated encryption only (RFC 9325, 4.2); 128 bits first, for media is much. */
static const char ciphers_1_2[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE+AESGCM:ECDHE+CHACHA20";
static const char ciphers_1_3[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

const char *tls_error_text(char *out, size_t size) {
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);
	snprintf(out, size, "%s", reason ? reason : ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : "failed");
	ERR_clear_error();
	return out;
}

bool tls_pair_files(const char *pair, char *certificate, char *key) {
	const char *colon = strchr(pair, ':');
	size_t n = colon ? (size_t)(colon - pair) : strlen(pair);
	const char *second = colon ? colon + 1 : pair;
	if (n >= PATH_MAX || strlen(second) >= PATH_MAX)
		return false;
	memcpy(certificate, pair, n);
	certificate[n] = '\0';
	strcpy(key, second);
	return true;
}

/* --- the choice --- */

/* A name that no certificate has is served by the first: who asks will see that it is not the right one. */
static int on_server_name(SSL *ssl, int *alert, void *arg) {
	const struct tls_certificates *c = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	(void)alert;
	for (size_t i = 0; name && i < c->count; i++) {
		if (X509_check_host(SSL_CTX_get0_certificate(c->contexts[i]), name, 0, 0, NULL) != 1)
			continue;
		if (i > 0)
			SSL_set_SSL_CTX(ssl, c->contexts[i]);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* Nothing in common is an error that the client is told (RFC 7301, 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
                   unsigned in_size, void *arg) {
	const struct slice *ours = arg;
	unsigned char *chosen;
	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_size, ours->data, (unsigned)ours->size, in, in_size) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* --- one certificate --- */

static int set_up(SSL_CTX *ctx, const struct tls_settings *s) {
	static const unsigned char id[] = "weir";
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	                             SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx,
	                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	/* Sessions are in tickets alone: nothing to share, nothing to run full. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, TLS_TICKET_LIFETIME_S);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_tickets_on_ticket);
	if (s->alpn.size)
		SSL_CTX_set_alpn_select_cb(ctx, on_alpn, (void *)&s->alpn);
	return SSL_CTX_set_min_proto_version(ctx, s->only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(ctx, ciphers_1_2) && SSL_CTX_set_ciphersuites(ctx, ciphers_1_3) &&
	       SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
}

/* A key with a passphrase is refused: nobody is there to type it. */
static int on_passphrase(char *out, int size, int writing, void *context) {
	(void)out;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static int load(SSL_CTX *ctx, const char *pair, struct buffer *why) {
	char certificate[PATH_MAX], key[PATH_MAX], text[200];
	if (!tls_pair_files(pair, certificate, key)) {
		buffer_printf(why, "a path is too long\n");
		return UV_EINVAL;
	}
	SSL_CTX_set_default_passwd_cb(ctx, on_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		buffer_printf(why, "%s: no certificate can be read: %s\n", certificate, tls_error_text(text, sizeof text));
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		buffer_printf(why, "%s: no private key of %s can be read: %s\n", key, certificate,
		              tls_error_text(text, sizeof text));
	else if (SSL_CTX_check_private_key(ctx) != 1)
		buffer_printf(why, "%s: is not the private key of %s\n", key, certificate);
	else
		return 0;
	ERR_clear_error();
	return UV_EINVAL;
}

/* --- the set --- */

static void destroy(struct counted *counted) {
	struct tls_certificates *c = (struct tls_certificates *)counted;
	for (size_t i = 0; i < c->count; i++)
		SSL_CTX_free(c->contexts[i]);
	free(c);
}

static int add(struct tls_certificates *c, const struct tls_settings *s, const char *pair, struct buffer *why) {
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx || !set_up(ctx, s)) {
		ERR_clear_error();
		SSL_CTX_free(ctx);
		return UV_ENOMEM;
	}
	c->contexts[c->count++] = ctx;
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, c);
	return load(ctx, pair, why);
}

int tls_certificates_new(struct tls_certificates **out, const struct tls_settings *s, struct buffer *why) {
	struct tls_certificates *c = calloc(1, sizeof *c);
	int err = c ? 0 : UV_ENOMEM;
	ERR_clear_error();
	if (c)
		counted_init(&c->counted, destroy);
	for (size_t i = 0; i < s->count && !err; i++)
		err = add(c, s, s->pairs[i], why);
	if (err == UV_ENOMEM)
		buffer_append_string(why, "out of memory\n");
	if (err)
		tls_certificates_unref(&c);
	else
		*out = c;
	return err;
}

struct tls_certificates *tls_certificates_ref(struct tls_certificates *c) {
	counted_ref(&c->counted);
	return c;
}

void tls_certificates_unref(struct tls_certificates **c) {
	if (*c)
		counted_unref(&(*c)->counted);
	*c = NULL;
}
