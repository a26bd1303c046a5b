/* A command message, as both kinds: what can be read is used as a session would. */
#include "common/rtmp/command.h"

#include <stdlib.h>
#include <string.h>

static void use(uint8_t type, const uint8_t *data, size_t size) {
	struct rtmp_message m = {.type = type, .payload = {data, size}};
	struct rtmp_command c;
	struct rtmp_connect connect;
	struct stream_name name;
	char query[RTMP_QUERY_MAX];
	const char *why = NULL;
	if (rtmp_command_read(&c, &m))
		return;
	if (rtmp_connect_read(&connect, &c, &why) == 0) {
		struct buffer out;
		buffer_init(&out, 0);
		rtmp_write_connect_result(&out, c.transaction, &connect);
		buffer_fini(&out);
		if (!name_valid(connect.app, strlen(connect.app)))
			abort();
	} else if (!why) {
		abort();
	}
	if (rtmp_stream_name_read(&name, query, "live", amf_text(rtmp_command_argument(&c, 0))) == 0 &&
	    strlen(name.text) >= sizeof name.text)
		abort();
	rtmp_command_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	use(RTMP_COMMAND_AMF0, data, size);
	use(RTMP_COMMAND_AMF3, data, size);
	return 0;
}
