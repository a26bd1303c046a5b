/* session_drain.c: what a server does with its sessions when the node drains. */
#include "common/rtmp/session_parts.h"

#include <stdio.h>

enum { URL_SIZE = 512 };

void rtmp_server_drain(struct rtmp_server *server) {
	server->draining = true;
}

static void ask(struct rtmp_session *s, const char *url) {
	char whole[URL_SIZE];
	struct buffer out;
	snprintf(whole, sizeof whole, "%s/%s", url, s->connect->app);
	buffer_init(&out, 0);
	rtmp_write_reconnect_request(&out, *url ? whole : NULL, RTMP_DRAINING);
	rtmp_session_send(s, &out);
}

void rtmp_server_ask_to_move(struct rtmp_server *server, const char *url) {
	list_each (node, &server->sessions) {
		struct rtmp_session *s = list_entry(node, struct rtmp_session, node);
		if (s->phase != RTMP_PHASE_CLOSED && (s->publish || s->play) && s->connect->caps_ex & RTMP_CAPS_RECONNECT)
			ask(s, url);
	}
}

static void end_publish(struct rtmp_session *s) {
	struct buffer out;
	buffer_init(&out, 0);
	rtmp_write_status(&out, s->publish->stream, "status", "NetStream.Unpublish.Success", RTMP_DRAINING,
	                  s->publish->name.text);
	rtmp_session_send(s, &out);
	rtmp_session_close(s, RTMP_DRAINING, true);
}

void rtmp_server_end_publishers(struct rtmp_server *server) {
	list_each (node, &server->sessions) {
		struct rtmp_session *s = list_entry(node, struct rtmp_session, node);
		if (s->publish)
			end_publish(s);
	}
}

void rtmp_server_end_viewers(struct rtmp_server *server, bool at_keyframe) {
	list_each (node, &server->sessions) {
		struct rtmp_session *s = list_entry(node, struct rtmp_session, node);
		if (s->play)
			rtmp_play_leave(s->play, at_keyframe);
	}
}

struct rtmp_left rtmp_server_left(const struct rtmp_server *server) {
	struct rtmp_left left = {0};
	list_each (node, &server->sessions) {
		const struct rtmp_session *s = list_entry(node, struct rtmp_session, node);
		left.publishers += s->publish != NULL;
		left.viewers += s->play != NULL;
	}
	return left;
}
