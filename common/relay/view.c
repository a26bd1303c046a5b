#include "common/relay/view.h"

#include "common/relay/convert.h"

#include <uv.h>

static int pack(struct view *v, const struct entry *e, struct bytes **out) {
	struct buffer b;
	buffer_init(&b, 0);
	relay_write_entry(&b, e, view_stream_id(v));
	struct bytes *block = buffer_take(&b);
	buffer_fini(&b);
	if (!block)
		return UV_ENOMEM;
	*out = block;
	return 0;
}

static int render(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	int err = pack(v, e, block);
	if (!err && e->kind == ENTRY_FRAME && e->frame.flags & FRAME_KEY && view_mark(v)) {
		err = pack(v, view_mark(v), head);
		if (err)
			bytes_unref(block);
	}
	return err;
}

const struct view_ops relay_view_ops = {.name = "relay", .from_oldest = true, .render = render};
