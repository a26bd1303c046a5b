#include "tests/bench/reload/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void player_expect(struct player *p) {
	p->have = p->head = p->whole = 0;
}

static bool read_head(struct player *p) {
	const char *end = strstr(p->answer, "\r\n\r\n"), *length = strcasestr(p->answer, "\r\nContent-Length:");
	if (!end)
		return true;
	if (strncmp(p->answer, "HTTP/1.1 200", 12) != 0 || !length || length > end)
		return false;
	p->head = (size_t)(end + 4 - p->answer);
	p->whole = p->head + strtoul(length + 17, NULL, 10);
	return p->whole <= ANSWER_MAX;
}

enum player_state player_read(struct player *p) {
	ssize_t n = recv(p->fd, p->answer + p->have, ANSWER_MAX - p->have, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return PLAYER_READS;
	if (n <= 0)
		return PLAYER_FAILED;
	p->have += (size_t)n;
	p->answer[p->have] = '\0';
	if (!p->head && !read_head(p))
		return PLAYER_FAILED;
	if (!p->whole || p->have < p->whole)
		return PLAYER_READS;
	return p->have == p->whole ? PLAYER_DONE : PLAYER_FAILED;
}

const char *player_body(const struct player *p) {
	return p->answer + p->head;
}

bool part_next(const char *playlist, struct part *next) {
	const char *first = strstr(playlist, "#EXT-X-MEDIA-SEQUENCE:"), *line = first;
	if (!first)
		return false;
	*next = (struct part){.msn = strtoull(first + 22, NULL, 10)};
	for (; line; line = strchr(line + 1, '\n')) {
		if (strncmp(line, "\n#EXTINF:", 9) == 0)
			*next = (struct part){.msn = next->msn + 1};
		else if (strncmp(line, "\n#EXT-X-PART:", 13) == 0)
			next->part++;
	}
	return true;
}
