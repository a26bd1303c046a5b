#include "common/control/authority.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

static bool has_token(const struct http_exchange *x, const char *token) {
	static const char scheme[] = "Bearer ";
	const char *said = http_field(x, HTTP_FIELD_AUTHORIZATION);
	size_t size = strlen(token);
	if (!said || strncasecmp(said, scheme, sizeof scheme - 1) != 0)
		return false;
	said += sizeof scheme - 1;
	return strlen(said) == size && CRYPTO_memcmp(said, token, size) == 0;
}

/* A page that somebody on this machine looks at could send a POST too, but its browser says from where it is; and a
 * proxy on this machine passes on what others say, which most tell by one of these fields. */
static bool is_own(const struct http_exchange *x) {
	static const enum http_field not_own[] = {HTTP_FIELD_ORIGIN, HTTP_FIELD_FORWARDED, HTTP_FIELD_VIA,
	                                          HTTP_FIELD_X_FORWARDED_FOR, HTTP_FIELD_X_REAL_IP};
	for (size_t i = 0; i < sizeof not_own / sizeof *not_own; i++)
		if (http_field(x, not_own[i]))
			return false;
	return strncmp(x->remote, "127.", 4) == 0 || strncmp(x->remote, "[::1]", 5) == 0 || strcmp(x->remote, "unix") == 0;
}

bool authority_check(struct http_exchange *x) {
	const char *token = config_node(x->server->config)->api_token;
	if (*token ? has_token(x, token) : is_own(x))
		return true;
	if (*token)
		http_respond_error(x, 401, "unauthorized", "this needs the token that api.token sets: Authorization: Bearer");
	else
		http_respond_error(x, 403, "forbidden", "without api.token this is taken from the node's own machine alone");
	return false;
}
