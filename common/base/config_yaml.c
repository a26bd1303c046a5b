#include "common/base/config_build.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <yaml.h>

/* A mapping's keys are compared with each other: a table of this size is no configuration. */
enum { PAIRS_MAX = 4096 };

struct walk {
	struct config_build *build;
	yaml_document_t *document;
	const char *name; /* of the file */
};

/* Where in the tree a mapping stands. */
struct scope {
	struct config_override *app; /* NULL: the node, or all apps */
	const char *section;         /* NULL above the sections */
	char path[300];              /* "", "stream", "apps.live.stream": for messages */
};

static struct config_place place_of(const struct walk *w, const yaml_node_t *n) {
	return (struct config_place){.name = w->name, .line = n->start_mark.line + 1, .column = n->start_mark.column + 1};
}

/* The text of a scalar without NULs inside, or NULL. */
static const char *text_of(const yaml_node_t *n) {
	if (n->type != YAML_SCALAR_NODE || strlen((char *)n->data.scalar.value) != n->data.scalar.length)
		return NULL;
	return (char *)n->data.scalar.value;
}

/* "key:" with nothing behind it, or YAML's words for that: rarely what was meant. */
static bool is_nothing(const yaml_node_t *n) {
	const char *text = text_of(n);
	return text && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static yaml_node_t *node_at(const struct walk *w, int index) {
	return yaml_document_get_node(w->document, index);
}

static struct scope scope_below(const struct scope *s, const char *key) {
	struct scope below = {.app = s->app, .section = s->section};
	snprintf(below.path, sizeof below.path, "%.150s%s%.130s", s->path, *s->path ? "." : "", key);
	return below;
}

typedef void (*pair_fn)(struct walk *w, const struct scope *s, const yaml_node_t *key, const yaml_node_t *value);

static bool is_again(struct walk *w, const struct scope *s, const yaml_node_t *map, const yaml_node_pair_t *pair) {
	const yaml_node_t *key = node_at(w, pair->key);
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
		const yaml_node_t *other = node_at(w, p->key);
		struct config_place place = place_of(w, key);
		if (text_of(other) && strcmp(text_of(other), text_of(key)) == 0) {
			config_mistake(w->build, &place, "%s%s%.80s: is set already, at line %zu", s->path, *s->path ? "." : "",
			               text_of(key), other->start_mark.line + 1);
			return true;
		}
	}
	return false;
}

/* Calls `fn` for each pair of a mapping whose keys are scalars, each of them once. */
static void each_pair(struct walk *w, const struct scope *s, const yaml_node_t *map, pair_fn fn) {
	struct config_place place = place_of(w, map);
	const char *what = *s->path ? s->path : "the file";
	if (is_nothing(map))
		return; /* "section:" with nothing below it */
	if (map->type != YAML_MAPPING_NODE) {
		config_mistake(w->build, &place, "%s: expected keys with values", what);
		return;
	}
	if (map->data.mapping.pairs.top - map->data.mapping.pairs.start > PAIRS_MAX) {
		config_mistake(w->build, &place, "%s: has more than %d keys", what, PAIRS_MAX);
		return;
	}
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = node_at(w, p->key);
		struct config_place key_place = place_of(w, key);
		if (!text_of(key) || !*text_of(key))
			config_mistake(w->build, &key_place, "expected a key");
		else if (strcmp(text_of(key), "<<") == 0)
			config_mistake(w->build, &key_place, "merge keys are not known; a whole section may be an alias");
		else if (!is_again(w, s, map, p))
			fn(w, s, key, node_at(w, p->value));
	}
}

/* The texts of a sequence of scalars; 0 if it is none, or too long. */
static size_t read_texts(const struct walk *w, const yaml_node_t *sequence, const char *texts[CONFIG_LIST_MAX]) {
	size_t count = 0;
	for (yaml_node_item_t *i = sequence->data.sequence.items.start; i < sequence->data.sequence.items.top; i++) {
		const char *text = text_of(node_at(w, *i));
		if (!text || count == CONFIG_LIST_MAX)
			return 0;
		texts[count++] = text;
	}
	return count;
}

/* A value: a scalar, or where the key takes a list a sequence of scalars. */
static void read_value(struct walk *w, const struct scope *s, const yaml_node_t *key, const yaml_node_t *value) {
	const char *texts[CONFIG_LIST_MAX];
	size_t count = 0;
	const struct config_row *row = config_row_find(s->section, text_of(key));
	/* What is not there has no place of its own. */
	struct config_place place = place_of(w, is_nothing(value) ? key : value);
	bool is_list = value->type == YAML_SEQUENCE_NODE;
	if (value->type == YAML_SCALAR_NODE && text_of(value) && !is_nothing(value))
		texts[count++] = text_of(value);
	else if (is_list)
		count = read_texts(w, value, texts);
	if (is_list && row && !config_row_is_list(row))
		config_mistake(w->build, &place, "%s.%.80s: expected one value, found a list", s->path, text_of(key));
	else if (count == 0 && is_list && value->data.sequence.items.start < value->data.sequence.items.top)
		config_mistake(w->build, &place, "%s.%.80s: expected a list of at most %d texts", s->path, text_of(key),
		               CONFIG_LIST_MAX);
	else if (count == 0 && !is_list && !is_nothing(value))
		config_mistake(w->build, &place, "%s.%.80s: expected a value, found %s", s->path, text_of(key),
		               value->type == YAML_MAPPING_NODE ? "keys with values" : "a text with a NUL");
	else
		config_assign(w->build, &place, s->app, s->section, text_of(key), texts, count);
}

static void read_section(struct walk *w, const struct scope *s, const yaml_node_t *key, const yaml_node_t *value) {
	const char *name = text_of(key);
	struct config_place place = place_of(w, key);
	struct scope below = scope_below(s, name);
	below.section = name;
	bool has_keys = value->type == YAML_MAPPING_NODE && value->data.mapping.pairs.start < value->data.mapping.pairs.top;
	if (config_section_known(name) || has_keys) {
		each_pair(w, &below, value, read_value); /* each unknown key is told with the nearest */
		return;
	}
	const char *near = config_section_nearest(w->build->config->role, name);
	if (near)
		config_mistake(w->build, &place, "unknown section \"%.80s\", did you mean \"%s\"?", name, near);
	else
		config_mistake(w->build, &place, "unknown section \"%.80s\"; --help lists the keys", name);
}

static void read_app(struct walk *w, const struct scope *s, const yaml_node_t *key, const yaml_node_t *value) {
	const char *name = text_of(key);
	struct config_place place = place_of(w, key);
	if (!name_valid(name, strlen(name)) || name_reserved(name, strlen(name))) {
		config_mistake(w->build, &place, "apps: \"%.130s\" is no name for an app: %s", name,
		               name_reserved(name, strlen(name)) ? "it is reserved"
		                                                 : "1 to 128 letters, digits, _ . -, no dot first");
		return;
	}
	struct scope below = scope_below(s, name);
	below.app = config_override_get(w->build, name);
	if (below.app)
		each_pair(w, &below, value, read_section);
}

static void read_top(struct walk *w, const struct scope *s, const yaml_node_t *key, const yaml_node_t *value) {
	struct scope below = scope_below(s, text_of(key));
	if (strcmp(text_of(key), "apps") == 0)
		each_pair(w, &below, value, read_app);
	else if (strcmp(text_of(key), "defaults") == 0)
		each_pair(w, &below, value, read_section);
	else
		read_section(w, s, key, value);
}

/* --- the text --- */

/* The reader, which decodes characters, knows its place only as an offset. */
static void place_offset(struct config_place *place, struct slice yaml, size_t offset) {
	place->line = place->column = 1;
	for (size_t i = 0; i < offset && i < yaml.size; i++) {
		place->column = yaml.data[i] == '\n' ? 1 : place->column + 1;
		place->line += yaml.data[i] == '\n';
	}
}

/* True if the line (from 1) is indented by a tab. */
static bool has_tab(struct slice yaml, size_t line) {
	const uint8_t *at = yaml.data, *end = yaml.data + yaml.size;
	for (; line > 1 && at; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	while (at && at < end && *at == ' ')
		at++;
	return at && at < end && *at == '\t';
}

static void syntax_mistake(struct config_build *b, const char *name, struct slice yaml, const yaml_parser_t *parser) {
	struct config_place place = {
	    .name = name, .line = parser->problem_mark.line + 1, .column = parser->problem_mark.column + 1};
	if (parser->error == YAML_MEMORY_ERROR) {
		b->error = UV_ENOMEM;
		return;
	}
	if (parser->error == YAML_READER_ERROR)
		place_offset(&place, yaml, parser->problem_offset);
	config_mistake(b, &place, "not YAML: %s%s", parser->problem ? parser->problem : "unreadable",
	               has_tab(yaml, place.line) ? "; a tab cannot indent, spaces do" : "");
}

static void read_document(struct config_build *b, const char *name, struct slice yaml, yaml_parser_t *parser) {
	yaml_document_t document, second;
	if (!yaml_parser_load(parser, &document)) {
		syntax_mistake(b, name, yaml, parser);
		return;
	}
	struct walk w = {b, &document, name};
	struct scope top = {0};
	yaml_node_t *root = yaml_document_get_root_node(&document);
	if (root)
		each_pair(&w, &top, root, read_top);
	yaml_document_delete(&document);
	if (!root)
		return;
	if (!yaml_parser_load(parser, &second)) {
		syntax_mistake(b, name, yaml, parser);
		return;
	}
	yaml_node_t *more = yaml_document_get_root_node(&second);
	if (more) {
		w.document = &second;
		struct config_place place = place_of(&w, more);
		config_mistake(b, &place, "a second YAML document; one is read");
	}
	yaml_document_delete(&second);
}

void config_read_yaml(struct config_build *b, const char *name, struct slice yaml) {
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser)) {
		b->error = UV_ENOMEM;
		return;
	}
	yaml_parser_set_input_string(&parser, yaml.data, yaml.size);
	read_document(b, name, yaml, &parser);
	yaml_parser_delete(&parser);
}
