#include "common/control/node_tls.h"

int node_tls_new(struct tls **out, const struct config_node *c, struct buffer *why) {
	static const uint8_t alpn[] = "\x02h2\x08http/1.1";
	const struct tls_settings settings = {.pairs = (const char *const *)c->https_certificates.items,
	                                      .count = c->https_certificates.count,
	                                      .only_1_3 = c->https_min_version == CONFIG_TLS_1_3,
	                                      .alpn = {alpn, sizeof alpn - 1},
	                                      .handshake_timeout_ms = (uint64_t)c->https_handshake_timeout,
	                                      .reload_ms = (uint64_t)c->https_reload};
	_Static_assert((int)CONFIG_LIST_MAX <= (int)TLS_PAIRS_MAX, "as many certificates as a list may have");
	*out = NULL;
	if (settings.count == 0)
		return 0;
	buffer_append_string(why, "https.certificates: ");
	int err = tls_new(out, &settings, why);
	if (!err)
		buffer_clear(why);
	return err;
}
