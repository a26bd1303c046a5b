#include "common/base/config_build.h"
#include "common/base/pathway.h"

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
	for (size_t i = 0; i < n->registry_origins.count; i++)
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
	} listeners[] = {{"rtmp.listen", n->rtmp_listen},
	                 {"http.listen", n->http_listen},
	                 {"https.listen", n->https_listen},
	                 {"rtmps.listen", n->rtmps_listen},
	                 {"relay.listen", n->relay_listen}};
	for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++)
		for (size_t j = 0; j < i; j++)
			if (is_same_place(listeners[i].address, listeners[j].address))
				config_mistake(b, NULL, "%s: cannot be the address of %s too (%s)", listeners[i].key, listeners[j].key,
				               listeners[i].address);
}

/* An app to check: its values and the text before its keys. */
struct app_check {
	struct config_build *build;
	const struct config_app *values, *defaults;
	const char *name; /* NULL: the defaults themselves */
};

static void app_mistake(const struct app_check *a, const char *text) {
	config_mistake(a->build, NULL, "%s%s%s%s", a->name ? "apps." : "", a->name ? a->name : "", a->name ? "." : "",
	               text);
}

/* The longest that a segment is wanted to be. */
static int64_t segment_ms(const struct config_app *a) {
	return a->package_target_duration > a->package_segment ? a->package_target_duration : a->package_segment;
}

static bool history_wrong(const struct config_app *a) {
	return a->edge_history > a->stream_log_duration;
}

static bool target_wrong(const struct config_app *a) {
	return a->package_target_duration && a->package_target_duration < a->package_segment;
}

/* What a packager that comes late, or after a publisher's absence, still needs. */
static bool log_wrong(const struct config_app *a) {
	bool filled = *a->stream_slate && a->stream_slate_after < a->stream_grace;
	int64_t absence = filled ? a->stream_slate_after : a->stream_grace;
	return a->stream_log_duration < (a->package_window + 3) * segment_ms(a) + absence;
}

/* Without a configured TARGETDURATION a run whose keyframes are far apart gets 10 s. */
static bool part_wrong(const struct config_app *a) {
	enum { PARTS_MAX = 200, UNKNOWN_TARGET_MS = 10000, SLACK_MS = 490 };
	int64_t longest = segment_ms(a);
	if (!a->package_target_duration && longest < UNKNOWN_TARGET_MS)
		longest = UNKNOWN_TARGET_MS;
	return longest + SLACK_MS > PARTS_MAX * a->package_part;
}

/* What is wrong in the defaults already is not told again for an app that inherits it. */
static bool is_news(const struct app_check *a, bool (*wrong)(const struct config_app *)) {
	return wrong(a->values) && !(a->name && wrong(a->defaults));
}

static void check_app(struct config_build *b, const struct config_override *own) {
	struct app_check a = {.build = b,
	                      .values = own ? &own->values : &b->config->defaults,
	                      .defaults = &b->config->defaults,
	                      .name = own ? own->name : NULL};
	if (b->config->role == CONFIG_EDGE) {
		if (is_news(&a, history_wrong))
			app_mistake(&a, "edge.history: cannot be longer than stream.log_duration");
		return;
	}
	if (is_news(&a, target_wrong))
		app_mistake(&a, "package.target_duration: cannot be shorter than package.segment");
	else if (is_news(&a, log_wrong))
		app_mistake(&a, "stream.log_duration: cannot be shorter than package.window + 3 segments and stream.grace");
	if (is_news(&a, part_wrong))
		app_mistake(&a, "package.part: a segment would have more than 200 parts");
}

static void check_redis(struct config_build *b) {
	enum { PREFIX_MAX = 48 };
	const struct config_node *n = &b->config->node;
	const char *prefix = n->registry_redis_prefix;
	if (strlen(prefix) > PREFIX_MAX || strpbrk(prefix, " \t"))
		config_mistake(b, NULL, "registry.redis_prefix: at most %d characters, and no space", PREFIX_MAX);
	if (*n->registry_redis_user && !*n->registry_redis_password)
		config_mistake(b, NULL, "registry.redis_user: needs registry.redis_password");
	if (*n->registry_sentinel_user && !*n->registry_sentinel_password)
		config_mistake(b, NULL, "registry.sentinel_user: needs registry.sentinel_password");
	if (strpbrk(n->registry_sentinel_master, " \t"))
		config_mistake(b, NULL, "registry.sentinel_master: no space");
}

static void check_redirect(struct config_build *b) {
	const char *url = b->config->node.node_drain_redirect;
	const char *host = strncmp(url, "rtmp://", 7) == 0 ? url + 7 : strncmp(url, "rtmps://", 8) == 0 ? url + 8 : NULL;
	enum { URL_MAX = 300 };
	if (*url && (strlen(url) > URL_MAX || !host || !*host || strpbrk(host, "/ ?#")))
		config_mistake(b, NULL, "node.drain_redirect: must be rtmp://HOST:PORT or rtmps://HOST:PORT, without a path");
}

static void check_pathways(struct config_build *b) {
	const struct config_list *list = &b->config->node.edge_pathways;
	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->items[i], '=');
		size_t size = equals ? (size_t)(equals - list->items[i]) : 0;
		char id[PATHWAY_ID_MAX + 1] = "";
		if (size <= PATHWAY_ID_MAX)
			memcpy(id, list->items[i], size);
		if (!pathway_id_valid(id) || !pathway_url_valid(equals + 1))
			config_mistake(b, NULL,
			               "edge.pathways: found %s, expected ID=URL, e.g. edge2=https://edge2.example.com:8443",
			               list->items[i]);
	}
}

void config_check(struct config_build *b) {
	const struct config_node *n = &b->config->node;
	check_redis(b);
	check_secret(b);
	check_listeners(b);
	check_redirect(b);
	check_pathways(b);
	if ((*n->https_listen || *n->rtmps_listen) && n->https_certificates.count == 0)
		config_mistake(b, NULL, "https.certificates: is needed where %s is set",
		               *n->https_listen ? "https.listen" : "rtmps.listen");
	if (n->relay_dead_after <= n->relay_ping_interval)
		config_mistake(b, NULL, "relay.dead_after: must be longer than relay.ping_interval");
	check_app(b, NULL);
	for (size_t i = 0; i < b->config->app_count; i++)
		check_app(b, &b->config->apps[i]);
}
