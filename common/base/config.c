#include "common/base/config_build.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { FILE_LIMIT = 1024 * 1024, KEY_SIZE = 160, MISTAKES_TOLD = 50 };

/* --- putting it together --- */

void config_mistake(struct config_build *b, const struct config_place *place, const char *format, ...) {
	char text[512];
	va_list args;
	if (b->mistakes++ >= MISTAKES_TOLD)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (place && place->line)
		buffer_printf(b->why, "%s:%zu:%zu: ", place->name, place->line, place->column);
	else if (place && place->name)
		buffer_printf(b->why, "%s: ", place->name);
	buffer_printf(b->why, "%s\n", text);
}

struct config_override *config_override_get(struct config_build *b, const char *name) {
	struct config *c = b->config;
	for (size_t i = 0; i < c->app_count; i++)
		if (strcmp(c->apps[i].name, name) == 0)
			return &c->apps[i];
	struct config_override *apps = realloc(c->apps, (c->app_count + 1) * sizeof *apps);
	if (!apps) {
		b->error = UV_ENOMEM;
		return NULL;
	}
	c->apps = apps;
	struct config_override *own = &apps[c->app_count++];
	*own = (struct config_override){0};
	snprintf(own->name, sizeof own->name, "%s", name);
	return own;
}

/* The row of a key that may be set here, or NULL with the mistake noted. */
static const struct config_row *row_for(struct config_build *b, const struct config_place *place,
                                        const struct config_override *app, const char *section, const char *key) {
	const struct config_row *row = config_row_find(section, key);
	if (!row) {
		const struct config_row *near = config_row_nearest(b->config->role, section, key);
		if (near)
			config_mistake(b, place, "unknown key \"%s.%s\"; did you mean \"%s.%s\"?", section, key, near->section,
			               near->name);
		else
			config_mistake(b, place, "unknown key \"%s.%s\"; --help lists the keys", section, key);
	} else if (!(row->roles & (int)b->config->role)) {
		config_mistake(b, place, "%s.%s: only %s knows this key", section, key,
		               row->roles == CONFIG_EDGE ? "an edge" : "an origin");
		row = NULL;
	} else if (app && !row->app) {
		config_mistake(b, place, "%s.%s: concerns the whole node and cannot be set for an app", section, key);
		row = NULL;
	}
	return row;
}

static void wrong_value(struct config_build *b, const struct config_place *place, const struct config_row *row,
                        const char *const *texts, size_t count) {
	struct buffer expects;
	bool secret = strcmp(row->name, "secret") == 0;
	buffer_init(&expects, 0);
	config_row_expects(row, &expects);
	struct slice s = buffer_slice(&expects);
	config_mistake(b, place, "%s.%s: found %s%.80s%s, expected %.*s", row->section, row->name, count == 1 ? "\"" : "",
	               secret       ? "…"
	               : count == 1 ? texts[0]
	               : count      ? "a list"
	                            : "nothing",
	               count == 1 ? "\"" : "", (int)s.size, s.data ? (const char *)s.data : "");
	buffer_fini(&expects);
}

void config_assign(struct config_build *b, const struct config_place *place, struct config_override *app,
                   const char *section, const char *key, const char *const *texts, size_t count, bool once) {
	const struct config_row *row = row_for(b, place, app, section, key);
	if (!row)
		return;
	size_t index = (size_t)(row - config_rows);
	assert(index < sizeof b->set);
	bool *set = app ? &app->set[index] : &b->set[index];
	if (once && *set) {
		config_mistake(b, place, "%s.%s: is set already", section, key);
		return;
	}
	void *base = app ? (void *)&app->values : row->app ? (void *)&b->config->defaults : (void *)&b->config->node;
	int err = config_value_set(base, row, texts, count);
	if (err == UV_ENOMEM)
		b->error = err;
	else if (err)
		wrong_value(b, place, row, texts, count);
	*set = true;
}

static void set_defaults(struct config_build *b) {
	for (size_t i = 0; i < config_row_count; i++) {
		const struct config_row *row = &config_rows[i];
		char text[256];
		const char *texts[] = {text};
		config_row_default(row, b->config->role, text, sizeof text);
		int err = config_value_set(row->app ? (void *)&b->config->defaults : (void *)&b->config->node, row, texts, 1);
		assert(!err || err == UV_ENOMEM); /* the table's own defaults are right */
		if (err)
			b->error = err;
	}
}

/* One text, or for a list its parts between commas. `value` is cut up. */
static void assign_text(struct config_build *b, const struct config_place *place, const char *section, const char *key,
                        char *value) {
	const struct config_row *row = config_row_find(section, key);
	const char *texts[CONFIG_LIST_MAX] = {value};
	size_t count = 1;
	if (row && row->type == CONFIG_TYPE_addresses)
		for (char *comma = value; count < CONFIG_LIST_MAX && (comma = strchr(comma, ',')); count++) {
			*comma++ = '\0';
			texts[count] = comma;
		}
	config_assign(b, place, NULL, section, key, texts, count, false);
}

/* "WEIR_SECTION__KEY=VALUE"; other variables are not ours. */
static void read_variable(struct config_build *b, const char *variable) {
	const char *equals = strchr(variable, '='), *bar = strstr(variable, "__");
	char copy[KEY_SIZE];
	if (strncmp(variable, "WEIR_", 5) != 0 || !equals || !bar || bar > equals)
		return;
	snprintf(copy, sizeof copy, "%.*s", (int)(equals - variable), variable);
	struct config_place place = {copy, 0, 0};
	char key[KEY_SIZE];
	snprintf(key, sizeof key, "%s", copy + 5);
	for (char *c = key; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	char *name = strstr(key, "__");
	char *value = strdup(equals + 1);
	if (!value || !name) {
		b->error = value ? b->error : UV_ENOMEM;
		free(value);
		return;
	}
	*name = '\0';
	assign_text(b, &place, key, name + 2, value);
	free(value);
}

/* "section.key=VALUE" */
static void read_override(struct config_build *b, const char *text) {
	struct config_place place = {"--set", 0, 0};
	char *copy = strdup(text);
	if (!copy) {
		b->error = UV_ENOMEM;
		return;
	}
	char *equals = strchr(copy, '='), *dot = strchr(copy, '.');
	if (!equals || !dot || dot > equals) {
		config_mistake(b, &place, "found \"%.80s\", expected section.key=VALUE", text);
	} else {
		*dot = *equals = '\0';
		assign_text(b, &place, copy, dot + 1, equals + 1);
	}
	free(copy);
}

/* An app's keys are its own where the file set them, else the defaults, as all sources left them. */
static void complete_apps(struct config *c) {
	for (size_t a = 0; a < c->app_count; a++) {
		struct config_override *own = &c->apps[a];
		struct config_app merged = c->defaults;
		for (size_t i = 0; i < config_row_count; i++)
			if (own->set[i]) {
				size_t size = config_rows[i].type == CONFIG_TYPE_enum   ? sizeof(config_enum)
				              : config_rows[i].type == CONFIG_TYPE_bool ? sizeof(config_bool)
				                                                        : sizeof(int64_t);
				memcpy((char *)&merged + config_rows[i].offset, (char *)&own->values + config_rows[i].offset, size);
			}
		own->values = merged;
	}
}

/* --- what one key cannot tell --- */

static bool is_local(const char *address) {
	return !*address || strncmp(address, "unix:", 5) == 0 || strncmp(address, "127.", 4) == 0 ||
	       strncmp(address, "[::1]:", 6) == 0 || strncmp(address, "localhost:", 10) == 0;
}

static void check(struct config_build *b) {
	const struct config_node *n = &b->config->node;
	if (!is_local(n->relay_listen) && !*n->relay_secret)
		config_mistake(b, NULL,
		               "relay.secret: is needed where relay.listen (%s) is not on loopback: without it anybody "
		               "could join the cluster",
		               n->relay_listen);
	if (n->relay_dead_after <= n->relay_ping_interval)
		config_mistake(b, NULL, "relay.dead_after: must be longer than relay.ping_interval");
	for (size_t i = 0; i <= b->config->app_count; i++) {
		const struct config_app *a = i ? &b->config->apps[i - 1].values : &b->config->defaults;
		if (b->config->role == CONFIG_EDGE && a->edge_history > a->stream_log_duration)
			config_mistake(b, NULL, "edge.history: cannot be longer than stream.log_duration");
		if (a->package_target_duration && a->package_target_duration < a->package_segment)
			config_mistake(b, NULL, "package.target_duration: cannot be shorter than package.segment");
	}
}

/* --- the public side --- */

int config_parse(struct config **out, enum config_role role, const struct config_sources *from, struct buffer *why) {
	struct config_build b = {.config = calloc(1, sizeof *b.config), .why = why};
	if (!b.config)
		return UV_ENOMEM;
	b.config->role = role;
	set_defaults(&b);
	if (from->yaml.size)
		config_read_yaml(&b, from->name ? from->name : "configuration", from->yaml);
	for (char *const *v = from->environment; v && *v; v++)
		read_variable(&b, *v);
	for (char *const *v = from->overrides; v && *v; v++)
		read_override(&b, *v);
	complete_apps(b.config);
	if (!b.mistakes && !b.error)
		check(&b);
	if (b.mistakes > MISTAKES_TOLD)
		buffer_printf(why, "… and %u more\n", b.mistakes - MISTAKES_TOLD);
	int err = b.error ? b.error : b.mistakes ? UV_EINVAL : 0;
	if (err)
		config_free(&b.config);
	else
		*out = b.config;
	return err;
}

static int read_file(const char *name, struct buffer *out) {
	FILE *f = fopen(name, "re");
	if (!f)
		return uv_translate_sys_error(errno);
	char chunk[4096];
	size_t n;
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buffer_append(out, chunk, n);
	int err = ferror(f) ? UV_EIO : buffer_error(out);
	fclose(f);
	return err;
}

int config_load(struct config **out, enum config_role role, const struct config_sources *from, struct buffer *why) {
	struct config_sources sources = *from;
	struct buffer text;
	buffer_init(&text, FILE_LIMIT);
	int err = from->name ? read_file(from->name, &text) : 0;
	if (err) {
		buffer_printf(why, "%s: cannot be read: %s\n", from->name, uv_strerror(err));
	} else {
		sources.yaml = buffer_slice(&text);
		err = config_parse(out, role, &sources, why);
	}
	buffer_fini(&text);
	return err;
}

void config_free(struct config **c) {
	if (!*c)
		return;
	for (size_t i = 0; i < config_row_count; i++)
		if (!config_rows[i].app)
			config_value_fini(&(*c)->node, &config_rows[i]);
	free((*c)->apps);
	free(*c);
	*c = NULL;
}

const struct config_node *config_node(const struct config *c) {
	return &c->node;
}

const struct config_app *config_app(const struct config *c, const char *app, size_t size) {
	for (size_t i = 0; i < c->app_count; i++)
		if (strlen(c->apps[i].name) == size && memcmp(c->apps[i].name, app, size) == 0)
			return &c->apps[i].values;
	return &c->defaults;
}
