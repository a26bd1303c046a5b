#include "common/base/config_build.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { FILE_LIMIT = 1024 * 1024, MISTAKES_TOLD = 50 };

/* --- mistakes --- */

void config_mistake(struct config_build *b, const struct config_place *place, const char *format, ...) {
	char text[512], where[512] = "";
	va_list args;
	if (b->mistakes++ >= MISTAKES_TOLD)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (place && place->line)
		snprintf(where, sizeof where, "%.400s:%zu:%zu: ", place->name, place->line, place->column);
	else if (place)
		snprintf(where, sizeof where, "%.400s: ", place->name);
	/* What a user wrote stands in both: it must not make lines of its own. */
	for (char *part = where; part; part = part == where ? text : NULL)
		for (char *c = part; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = '?';
	buffer_printf(b->why, "%s%s\n", where, text);
}

static void unknown_key(struct config_build *b, const struct config_place *place, const char *section,
                        const char *key) {
	const struct config_row *near = config_row_nearest(b->config->role, section, key);
	char variable[96] = "";
	if (!near) {
		config_mistake(b, place, "unknown key \"%.80s.%.80s\"; --help lists the keys", section, key);
		return;
	}
	if (place->is_variable) {
		snprintf(variable, sizeof variable, " (WEIR_%s__%s)", near->section, near->name);
		for (char *c = variable; *c; c++)
			*c = (char)toupper((unsigned char)*c);
	}
	config_mistake(b, place, "unknown key \"%.80s.%.80s\", did you mean \"%s.%s\"%s?", section, key, near->section,
	               near->name, variable);
}

/* The row of a key that may be set here, or NULL with the mistake noted. */
static const struct config_row *row_for(struct config_build *b, const struct config_place *place,
                                        const struct config_override *app, const char *section, const char *key) {
	const struct config_row *row = config_row_find(section, key);
	if (!row) {
		unknown_key(b, place, section, key);
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

/* The text that is wrong: of a list the first that is no address, NULL if there is none. */
static const char *culprit(const struct config_row *row, const char *const *texts, size_t count) {
	if (!config_row_is_list(row))
		return count == 1 ? texts[0] : NULL;
	for (size_t i = 0; i < count; i++)
		if (!config_list_item_valid(row, texts[i]))
			return texts[i];
	return NULL;
}

static void wrong_value(struct config_build *b, const struct config_place *place, const struct config_override *app,
                        const struct config_row *row, const char *const *texts, size_t count) {
	const char *text = culprit(row, texts, count), *hint = text ? config_row_hint(row, text) : NULL;
	struct buffer expects;
	char found[96];
	if (config_row_secret(row))
		snprintf(found, sizeof found, "a secret that is not one");
	else if (text)
		snprintf(found, sizeof found, "\"%.80s\"", text);
	else
		snprintf(found, sizeof found, "%s", count ? "a list" : "nothing");
	buffer_init(&expects, 0);
	config_row_expects(row, &expects);
	struct slice s = buffer_slice(&expects);
	config_mistake(b, place, "%s%s%s%s.%s: found %s, expected %.*s%s%s", app ? "apps." : "", app ? app->name : "",
	               app ? "." : "", row->section, row->name, found, (int)s.size, s.data ? (const char *)s.data : "",
	               hint ? "; " : "", hint ? hint : "");
	buffer_fini(&expects);
}

/* --- values --- */

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

static void *base_of(struct config *c, const struct config_row *row) {
	return row->app ? (void *)&c->defaults : (void *)&c->node;
}

void config_assign(struct config_build *b, const struct config_place *place, struct config_override *app,
                   const char *section, const char *key, const char *const *texts, size_t count) {
	const struct config_row *row = row_for(b, place, app, section, key);
	if (!row)
		return;
	size_t index = (size_t)(row - config_rows);
	if (!app && place->line) {
		if (b->line[index]) {
			config_mistake(b, place, "%s.%s: is set already, at line %zu", section, key, b->line[index]);
			return;
		}
		b->line[index] = place->line;
	}
	int err = config_value_set(app ? (void *)&app->values : base_of(b->config, row), row, texts, count);
	if (err == UV_ENOMEM)
		b->error = err;
	else if (err)
		wrong_value(b, place, app, row, texts, count);
	else if (app)
		app->set[index] = true;
}

static void set_defaults(struct config_build *b) {
	for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
		const struct config_row *row = &config_rows[i];
		char text[256];
		const char *texts[] = {text};
		config_row_default(row, b->config->role, text, sizeof text);
		int err = config_value_set(base_of(b->config, row), row, texts, 1);
		assert(!err || err == UV_ENOMEM); /* the table's own defaults are right */
		if (err)
			b->error = err;
	}
}

/* What the file does not set for an app is as all sources left the defaults. */
static void complete_apps(struct config *c) {
	for (size_t a = 0; a < c->app_count; a++)
		for (size_t i = 0; i < CONFIG_ROW_COUNT; i++)
			if (config_rows[i].app && !c->apps[a].set[i])
				memcpy((char *)&c->apps[a].values + config_rows[i].offset, (char *)&c->defaults + config_rows[i].offset,
				       config_value_size(&config_rows[i]));
}

/* --- the environment and the command line --- */

/* Ends `text` behind its last character that is no blank and returns its first. */
static char *trim(char *text) {
	text += strspn(text, " \t");
	size_t n = strlen(text);
	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	text[n] = '\0';
	return text;
}

/* One text, or for a list its parts between commas. `value` is cut up. */
static void assign_text(struct config_build *b, const struct config_place *place, const char *section, const char *key,
                        char *value) {
	const struct config_row *row = config_row_find(section, key);
	const char *texts[CONFIG_LIST_MAX + 1] = {value}; /* one more, so that a list too long is seen as such */
	size_t count = 1;
	if (row && config_row_is_list(row)) {
		char *rest = value, *part;
		for (count = 0; count <= CONFIG_LIST_MAX && (part = strsep(&rest, ","));)
			texts[count++] = trim(part);
	}
	config_assign(b, place, NULL, section, key, texts, count);
}

/* "WEIR_SECTION__KEY=VALUE"; other variables are not ours. */
static void read_variable(struct config_build *b, const char *variable) {
	static const char prefix[] = "WEIR_";
	const char *equals = strchr(variable, '='), *bar = strstr(variable, "__");
	if (strncmp(variable, prefix, sizeof prefix - 1) != 0 || !equals || !bar || bar > equals)
		return;
	char *name = strndup(variable, (size_t)(equals - variable)), *copy = strdup(variable);
	if (name && copy) {
		char *section = copy + sizeof prefix - 1, *key = copy + (bar - variable), *value = copy + (equals - variable);
		for (char *c = section; c < value; c++)
			*c = (char)tolower((unsigned char)*c);
		*key = *value = '\0';
		/* "WEIR___KEY": the bar is part of the prefix, so there is no section. */
		assign_text(b, &(struct config_place){.name = name, .is_variable = true}, key > section ? section : "", key + 2,
		            value + 1);
	} else {
		b->error = UV_ENOMEM;
	}
	free(name);
	free(copy);
}

/* "section.key=VALUE" */
static void read_override(struct config_build *b, const char *text) {
	struct config_place place = {.name = "--set"};
	char *copy = strdup(text);
	if (!copy) {
		b->error = UV_ENOMEM;
		return;
	}
	char *equals = strchr(copy, '='), *dot = strchr(copy, '.');
	if (!equals || !dot || dot > equals) {
		config_mistake(b, &place, "found \"%.*s\", expected section.key=VALUE", (int)strcspn(text, "="), text);
	} else {
		*dot = *equals = '\0';
		assign_text(b, &place, copy, dot + 1, equals + 1);
	}
	free(copy);
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
		config_check(&b);
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
	errno = 0;
	while (!buffer_error(out) && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buffer_append(out, chunk, n);
	int err = ferror(f) ? uv_translate_sys_error(errno ? errno : EIO) : buffer_error(out);
	fclose(f);
	return err;
}

int config_load(struct config **out, enum config_role role, const struct config_sources *from, struct buffer *why) {
	struct config_sources sources = *from;
	struct buffer text;
	buffer_init(&text, FILE_LIMIT);
	int err = from->name ? read_file(from->name, &text) : 0;
	if (err) {
		buffer_printf(why, "%s: cannot be read: %s\n", from->name,
		              err == UV_E2BIG ? "it is larger than 1 MiB" : uv_strerror(err));
	} else {
		sources.yaml = buffer_slice(&text);
		err = config_parse(out, role, &sources, why);
	}
	buffer_fini(&text);
	return err;
}

void config_free(struct config **config) {
	struct config *c = *config;
	if (!c)
		return;
	for (size_t i = 0; i < CONFIG_ROW_COUNT; i++) {
		config_value_fini(base_of(c, &config_rows[i]), &config_rows[i]);
		for (size_t a = 0; a < c->app_count; a++)
			if (c->apps[a].set[i])
				config_value_fini(&c->apps[a].values, &config_rows[i]);
	}
	free(c->apps);
	free(c);
	*config = NULL;
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

const char *config_app_name(const struct config *c, size_t nth, const struct config_app **app) {
	if (nth >= c->app_count)
		return NULL;
	if (app)
		*app = &c->apps[nth].values;
	return c->apps[nth].name;
}

uint32_t config_viewer_timeout(const struct config *c) {
	const struct config_node *n = config_node(c);
	return (uint32_t)(n->limits_tcp_timeout > n->limits_stalled_viewer ? n->limits_tcp_timeout
	                                                                   : n->limits_stalled_viewer);
}
