#include "common/base/config_build.h"

#include <string.h>

/* Who is connected to, or connects, over a network proves by the secret that it belongs to the cluster. */
static void check_secret(struct config_build *b) {
	const struct config_node *n = &b->config->node;
	if (*n->relay_secret)
		return;
	if (*n->relay_listen && !config_address_local(n->relay_listen))
		config_mistake(b, NULL,
		               "relay.secret: is needed where relay.listen (%s) is not on loopback: without it anybody could "
		               "join the cluster",
		               n->relay_listen);
	for (size_t i = 0; b->config->role == CONFIG_EDGE && i < n->registry_origins.count; i++)
		if (!config_address_local(n->registry_origins.items[i]))
			config_mistake(b, NULL,
			               "relay.secret: is needed where registry.origins (%s) is not on loopback: such an origin has "
			               "one too",
			               n->registry_origins.items[i]);
}

/* Port 0 is any free one, so two of them do not meet. */
static bool is_same_place(const char *a, const char *b) {
	size_t n = strlen(a);
	return n > 2 && strcmp(a, b) == 0 && strcmp(a + n - 2, ":0") != 0;
}

static void check_listeners(struct config_build *b) {
	const struct config_node *n = &b->config->node;
	const struct {
		const char *key, *address;
	} listeners[] = {
	    {"rtmp.listen", n->rtmp_listen}, {"http.listen", n->http_listen}, {"relay.listen", n->relay_listen}};
	for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++)
		for (size_t j = 0; j < i; j++)
			if (is_same_place(listeners[i].address, listeners[j].address))
				config_mistake(b, NULL, "%s: cannot be the address of %s too (%s)", listeners[i].key, listeners[j].key,
				               listeners[i].address);
}

/* `own` is NULL for the defaults. What is wrong there already is not told again for an app that inherits it. */
static void check_app(struct config_build *b, const struct config_override *own) {
	const struct config_app *d = &b->config->defaults, *a = own ? &own->values : d;
	const char *apps = own ? "apps." : "", *name = own ? own->name : "", *dot = own ? "." : "";
	bool same_history = a->edge_history == d->edge_history && a->stream_log_duration == d->stream_log_duration;
	if (b->config->role == CONFIG_EDGE && a->edge_history > a->stream_log_duration && !(own && same_history))
		config_mistake(b, NULL, "%s%s%sedge.history: cannot be longer than stream.log_duration", apps, name, dot);
	bool same_target =
	    a->package_target_duration == d->package_target_duration && a->package_segment == d->package_segment;
	if (a->package_target_duration && a->package_target_duration < a->package_segment && !(own && same_target))
		config_mistake(b, NULL, "%s%s%spackage.target_duration: cannot be shorter than package.segment", apps, name,
		               dot);
}

static void check_redis(struct config_build *b) {
	enum { PREFIX_MAX = 48 };
	const struct config_node *n = &b->config->node;
	const char *prefix = n->registry_redis_prefix;
	if (strlen(prefix) > PREFIX_MAX || strpbrk(prefix, " \t"))
		config_mistake(b, NULL, "registry.redis_prefix: at most %d characters, and no space", PREFIX_MAX);
	if (*n->registry_redis_user && !*n->registry_redis_password)
		config_mistake(b, NULL, "registry.redis_user: needs registry.redis_password");
}

void config_check(struct config_build *b) {
	const struct config_node *n = &b->config->node;
	check_redis(b);
	check_secret(b);
	check_listeners(b);
	if (n->relay_dead_after <= n->relay_ping_interval)
		config_mistake(b, NULL, "relay.dead_after: must be longer than relay.ping_interval");
	check_app(b, NULL);
	for (size_t i = 0; i < b->config->app_count; i++)
		check_app(b, &b->config->apps[i]);
}
