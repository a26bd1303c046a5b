#include "common/registry/state.h"

#include "common/base/logger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

enum { WRITE_EVERY_MS = 500, PATH_SIZE = 4096, LINE_SIZE = 1024 };
static const char header[] = "weir-state 1\n";
static const char prefix[] = "streams-";

struct state_file {
	struct worker *worker;
	char path[PATH_SIZE], temporary[PATH_SIZE + 8];
	void (*collect)(void *context, struct buffer *out);
	void *context;
	struct timer timer;
	bool dirty, writing, freed, told;
	struct bytes *content;
	uv_work_t work;
	int result;
};

/* --- text --- */

void state_write_record(struct buffer *out, const struct state_record *r) {
	const struct registry_state *s = &r->state;
	buffer_printf(out, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 " %u %u %u\n",
	              r->name.text, s->run, s->epoch, s->number, s->wall_us, s->highest_us, s->base_us, s->discontinuity,
	              s->target_ms, s->track);
}

bool state_parse_line(const char *line, struct state_record *out) {
	char name[STREAM_NAME_SIZE];
	struct registry_state *s = &out->state;
	int end = 0;
	int n = sscanf(line,
	               "%257s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNu32 " %" SCNu32
	               " %" SCNu32 "%n",
	               name, &s->run, &s->epoch, &s->number, &s->wall_us, &s->highest_us, &s->base_us, &s->discontinuity,
	               &s->target_ms, &s->track, &end);
	return n == 10 && line[end] == '\0' && stream_name_parse(&out->name, name, strlen(name)) == 0;
}

/* --- reading --- */

static void read_lines(FILE *f, void (*fn)(void *context, const struct state_record *r), void *context) {
	char line[LINE_SIZE];
	if (!fgets(line, sizeof line, f) || strcmp(line, header) != 0)
		return;
	while (fgets(line, sizeof line, f)) {
		struct state_record r;
		size_t n = strlen(line);
		if (n == 0 || line[n - 1] != '\n')
			continue; /* the last line of a file that was cut */
		line[n - 1] = '\0';
		if (state_parse_line(line, &r))
			fn(context, &r);
	}
}

int state_read(const char *dir, void (*fn)(void *context, const struct state_record *r), void *context) {
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return uv_translate_sys_error(errno);
	DIR *d = opendir(dir);
	if (!d)
		return uv_translate_sys_error(errno);
	for (struct dirent *e; (e = readdir(d));) {
		char path[PATH_SIZE];
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || strchr(e->d_name, '.'))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		FILE *f = fopen(path, "re");
		if (!f)
			continue;
		read_lines(f, fn, context);
		fclose(f);
	}
	closedir(d);
	return 0;
}

/* --- writing --- */

static int write_whole(const struct state_file *f, const struct bytes *content) {
	int fd = open(f->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), err = 0;
	if (fd < 0)
		return uv_translate_sys_error(errno);
	for (size_t at = 0; at < content->size && !err;) {
		ssize_t n = write(fd, content->data + at, content->size - at);
		if (n < 0 && errno != EINTR)
			err = uv_translate_sys_error(errno);
		at += n > 0 ? (size_t)n : 0;
	}
	if (close(fd) != 0 && !err)
		err = uv_translate_sys_error(errno);
	if (!err && rename(f->temporary, f->path) != 0)
		err = uv_translate_sys_error(errno);
	return err;
}

static struct bytes *collect(struct state_file *f) {
	struct buffer out;
	buffer_init(&out, 0);
	buffer_append_string(&out, header);
	f->collect(f->context, &out);
	struct bytes *content = buffer_take(&out);
	buffer_fini(&out);
	return content;
}

static void file_destroy(struct state_file *f) {
	struct worker *w = f->worker;
	free(f);
	worker_release(w);
}

static void on_work(uv_work_t *work) {
	struct state_file *f = work->data;
	f->result = write_whole(f, f->content);
}

static void arm(struct state_file *f) {
	if (!f->writing && !timer_running(&f->timer))
		timer_start(&f->timer, WRITE_EVERY_MS);
}

static void on_work_done(uv_work_t *work, int status) {
	struct state_file *f = work->data;
	f->writing = false;
	bytes_unref(&f->content);
	if (f->freed) {
		file_destroy(f);
		return;
	}
	if ((status || f->result) && !f->told)
		log_error("state cannot be written: a restart will not know the streams of now", log_str("file", f->path),
		          log_err(f->result));
	f->told = status || f->result;
	if (f->dirty)
		arm(f);
}

static void on_timer(struct timer *t) {
	struct state_file *f = list_entry(t, struct state_file, timer);
	f->content = collect(f);
	if (!f->content || uv_queue_work(&f->worker->loop, &f->work, on_work, on_work_done)) {
		bytes_unref(&f->content);
		arm(f);
		return;
	}
	f->dirty = false;
	f->writing = true;
}

struct state_file *state_file_new(struct worker *w, const char *dir,
                                  void (*collect_fn)(void *context, struct buffer *out), void *context) {
	struct state_file *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->worker = w;
	f->collect = collect_fn;
	f->context = context;
	f->work.data = f;
	snprintf(f->path, sizeof f->path, "%s/%s%u", dir, prefix, w->index);
	snprintf(f->temporary, sizeof f->temporary, "%s.new", f->path);
	timer_init(&f->timer, w, on_timer);
	worker_hold(w);
	return f;
}

void state_file_touch(struct state_file *f) {
	f->dirty = true;
	arm(f);
}

void state_file_free(struct state_file **file) {
	struct state_file *f = *file;
	if (!f)
		return;
	*file = NULL;
	timer_stop(&f->timer);
	f->freed = true;
	if (f->writing)
		return; /* what it writes is at most half a second old */
	struct bytes *content = f->dirty ? collect(f) : NULL;
	int err = content ? write_whole(f, content) : 0;
	if (err)
		log_error("state cannot be written", log_str("file", f->path), log_err(err));
	bytes_unref(&content);
	file_destroy(f);
}
