#include "common/base/config_row.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	UNIX_PATH_LONGEST = 107, /* sun_path without its NUL */
	HOST_LONGEST = 253,      /* RFC 1035, in text */
	ZONE_LONGEST = 15,       /* of an interface's name */
};

static const char unix_prefix[] = "unix:";

/* The path behind "unix:", or NULL. */
static const char *unix_path(const char *text) {
	size_t n = sizeof unix_prefix - 1;
	return strncmp(text, unix_prefix, n) == 0 ? text + n : NULL;
}

/* The host of HOST:PORT or [IPv6]:PORT, without brackets and zone, into `out`; its port's text, or NULL. */
static const char *split(const char *text, char out[HOST_LONGEST + 1], bool *is_v6) {
	const char *colon = strrchr(text, ':'), *host = text, *end = colon;
	*is_v6 = *text == '[';
	if (!colon)
		return NULL;
	if (*is_v6) {
		const char *bracket = colon[-1] == ']' ? colon - 1 : NULL;
		const char *zone = bracket ? memchr(text, '%', (size_t)(bracket - text)) : NULL;
		if (!bracket || (zone && (bracket - zone < 2 || bracket - zone - 1 > ZONE_LONGEST)))
			return NULL;
		host = text + 1;
		end = zone ? zone : bracket;
	}
	if (end <= host || end - host > HOST_LONGEST)
		return NULL;
	memcpy(out, host, (size_t)(end - host));
	out[end - host] = '\0';
	return colon + 1;
}

static bool is_port(const char *text) {
	size_t digits = strspn(text, "0123456789");
	return digits >= 1 && digits <= 5 && !text[digits] && strtoul(text, NULL, 10) <= 65535;
}

/* A name, or an IPv4 address if it is made of digits and dots alone. */
static bool is_host(const char *text) {
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	struct in_addr v4;
	if (!text[strspn(text, "0123456789.")])
		return inet_pton(AF_INET, text, &v4) == 1;
	return !text[strspn(text, letters)] && *text != '.' && *text != '-';
}

bool config_address_valid(const char *text) {
	char host[HOST_LONGEST + 1];
	struct in6_addr v6;
	bool is_v6;
	const char *path = unix_path(text);
	if (path)
		return *path && strlen(path) <= UNIX_PATH_LONGEST;
	const char *port = split(text, host, &is_v6);
	return port && is_port(port) && (is_v6 ? inet_pton(AF_INET6, host, &v6) == 1 : is_host(host));
}

/* By value, not by its text: "127.example.org" is a name that anybody may own. */
bool config_address_local(const char *text) {
	char host[HOST_LONGEST + 1];
	struct in_addr v4;
	struct in6_addr v6;
	bool is_v6;
	if (unix_path(text))
		return true;
	if (!split(text, host, &is_v6))
		return false;
	if (is_v6)
		return inet_pton(AF_INET6, host, &v6) == 1 &&
		       (IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127));
	return strcmp(host, "localhost") == 0 || (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}
