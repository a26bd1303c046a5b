#include "common/base/name.h"

#include <string.h>
#include <uv.h>

bool name_valid(const char *name, size_t size) {
	if (size == 0 || size > NAME_MAX_SIZE || name[0] == '.')
		return false;
	for (size_t i = 0; i < size; i++) {
		char c = name[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool other = (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
		if (!letter && !other)
			return false;
	}
	return true;
}

bool name_reserved(const char *app, size_t size) {
	static const char *const reserved[] = {"api", "metrics", "healthz", "readyz", "route", "console"};
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strlen(reserved[i]) == size && memcmp(reserved[i], app, size) == 0)
			return true;
	return false;
}

int stream_name_make(struct stream_name *out, const char *app, size_t app_size, const char *name, size_t name_size) {
	if (!name_valid(app, app_size) || name_reserved(app, app_size) || !name_valid(name, name_size))
		return UV_EINVAL;
	memcpy(out->text, app, app_size);
	out->text[app_size] = '/';
	memcpy(out->text + app_size + 1, name, name_size);
	out->text[app_size + 1 + name_size] = '\0';
	return 0;
}

int stream_name_parse(struct stream_name *out, const char *text, size_t size) {
	const char *slash = memchr(text, '/', size);
	if (!slash)
		return UV_EINVAL;
	size_t app_size = (size_t)(slash - text);
	return stream_name_make(out, text, app_size, slash + 1, size - app_size - 1);
}

size_t stream_name_app_size(const struct stream_name *n) {
	const char *slash = strchr(n->text, '/');
	return slash ? (size_t)(slash - n->text) : strlen(n->text);
}

uint64_t name_hash(const char *name, size_t size) {
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < size; i++)
		h = (h ^ (uint8_t)name[i]) * 1099511628211u;
	return h;
}

uint64_t name_weight(const char *node, const char *name) {
	uint64_t both = name_hash(node, strlen(node)) ^ name_hash(name, strlen(name));
	return name_hash((const char *)&both, sizeof both);
}
