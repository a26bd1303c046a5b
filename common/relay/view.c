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

/* What the mark in force became: the head of all keyframes until the next one. In sound alone each frame is one. */
struct relay_state {
	struct bytes *head;
};

static int render_head(struct view *v, struct bytes **head) {
	struct relay_state *s = view_state(v);
	int err = s->head ? 0 : pack(v, view_mark(v), &s->head); /* a view begins with a mark that it has not rendered */
	if (!err)
		*head = bytes_ref(s->head);
	return err;
}

static int render(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	struct relay_state *s = view_state(v);
	if (e->kind == ENTRY_MARK)
		bytes_unref(&s->head);
	int err = pack(v, e, block);
	if (!err && e->kind == ENTRY_MARK)
		s->head = bytes_ref(*block);
	if (!err && e->kind == ENTRY_FRAME && e->frame.flags & FRAME_KEY && view_mark(v)) {
		err = render_head(v, head);
		if (err)
			bytes_unref(block);
	}
	return err;
}

static void fini(struct view *v) {
	struct relay_state *s = view_state(v);
	bytes_unref(&s->head);
}

const struct view_ops relay_view_ops = {
    .name = "relay", .state_size = sizeof(struct relay_state), .from_oldest = true, .render = render, .fini = fini};
