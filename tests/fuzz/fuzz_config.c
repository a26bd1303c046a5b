/*
 * Configuration for both roles: the YAML text, then texts behind NULs that are taken for variables of the environment
 * (WEIR_…) or for overrides. What is taken lies in the table's ranges; what is refused is told in whole lines.
 */
#include "common/base/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { TEXTS_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each mistake is a line of printable bytes. */
static void check_told(const struct buffer *why) {
	const char *text = (const char *)buffer_slice(why).data;
	size_t lines = 0;
	assert(why->size && text[why->size - 1] == '\n');
	for (size_t i = 0; i < why->size; i++) {
		assert(text[i] == '\n' || (unsigned char)text[i] >= ' ');
		assert(i == 0 || text[i] != '\n' || text[i - 1] != '\n');
		lines += text[i] == '\n';
	}
	assert(lines <= 51);
}

static void check_taken(const struct config *c, enum config_role role) {
	const struct config_node *n = config_node(c);
	assert(n->node_workers >= 0 && n->node_workers <= 128);
	assert(n->relay_dead_after > n->relay_ping_interval);
	assert(n->registry_origins.count >= 1 && n->registry_origins.count <= CONFIG_LIST_MAX);
	for (size_t i = 0; i < n->registry_origins.count; i++)
		assert(strchr(n->registry_origins.items[i], ':'));
	assert(n->node_id && n->rtmp_listen && n->http_listen && n->relay_listen && n->relay_secret);
	static const char *const apps[] = {"live", "event", "a", ""};
	for (size_t i = 0; i < sizeof apps / sizeof *apps; i++) {
		const struct config_app *a = config_app(c, apps[i], strlen(apps[i]));
		assert(a->stream_grace >= 0 && a->stream_grace <= 3600000);
		assert(a->stream_log_bytes >= 1 << 20);
		assert(a->ingest_second == CONFIG_SECOND_TAKEOVER || a->ingest_second == CONFIG_SECOND_REJECT);
		assert(role == CONFIG_ORIGIN || a->edge_history <= a->stream_log_duration);
	}
}

static void parse(enum config_role role, const struct config_sources *from) {
	struct config *c = NULL;
	struct buffer why;
	buffer_init(&why, 0);
	int err = config_parse(&c, role, from, &why);
	assert(!err || err == UV_EINVAL || err == UV_ENOMEM);
	assert(!err == (c != NULL));
	if (!err) {
		assert(why.size == 0);
		check_taken(c, role);
	} else if (err == UV_EINVAL) {
		check_told(&why);
	}
	config_free(&c);
	buffer_fini(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char *environment[TEXTS_MAX + 1] = {NULL}, *overrides[TEXTS_MAX + 1] = {NULL};
	size_t variables = 0, others = 0;
	char *copy = malloc(size + 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	size_t yaml = strlen(copy);
	for (size_t at = yaml + 1; at < size; at += strlen(copy + at) + 1) {
		if (strncmp(copy + at, "WEIR", 4) == 0 && variables < TEXTS_MAX)
			environment[variables++] = copy + at;
		else if (others < TEXTS_MAX)
			overrides[others++] = copy + at;
	}
	struct config_sources from = {
	    .name = "weir.yaml", .yaml = {data, yaml}, .environment = environment, .overrides = overrides};
	parse(CONFIG_ORIGIN, &from);
	parse(CONFIG_EDGE, &from);
	free(copy);
	return 0;
}
