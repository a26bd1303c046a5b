#include "common/base/pathway.h"

#include <string.h>

bool pathway_id_valid(const char *id) {
	size_t size = strlen(id);
	return size >= 1 && size <= PATHWAY_ID_MAX &&
	       strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == size;
}

bool pathway_url_valid(const char *url) {
	size_t size = strlen(url), scheme = strncmp(url, "https://", 8) == 0 ? 8 : 7;
	if (size >= PATHWAY_URL_MAX || strncmp(url, scheme == 8 ? "https://" : "http://", scheme) != 0)
		return false;
	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("\"\\<>^`{|}?#,&", *c))
			return false;
	return size > scheme && url[scheme] != '/' && url[scheme] != ':' && url[size - 1] != '/';
}
