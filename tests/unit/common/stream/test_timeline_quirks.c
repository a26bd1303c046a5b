/*
 * Encoders' habits, kept as data: each file of quirks/ holds samples and the facts that must come of them. The oracle
 * judges them all. The format is told in quirks/README.md.
 */
#include "common/codec/codec.h"
#include "common/stream/timeline.h"
#include "tests/unit/common/stream/config.h"
#include "tests/unit/common/stream/timeline_check.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER WEIR_SOURCE_DIR "/tests/unit/common/stream/quirks"

enum { LINE_MAX_BYTES = 1000, FILES_MAX = 100, FILES_LEAST = 20 };

static const int64_t WALL = 1800000000LL * 1000000;

struct quirk {
	const char *file;
	unsigned line;
	struct config *config;
	struct timeline *timeline;
	struct timeline_run run;
	struct timeline_check *check;
	struct timeline_counts counts; /* of all epochs */
	uint64_t epoch;
	char warnings[4000];
	unsigned expectations;
	bool finished;
};

static void on_entry(void *context, struct entry *e) {
	struct quirk *q = context;
	timeline_check_entry(q->check, e);
	entry_unref(&e);
}

static void on_warning(void *context, const char *what) {
	struct quirk *q = context;
	size_t used = strlen(q->warnings);
	snprintf(q->warnings + used, sizeof q->warnings - used, "%s\n", what);
}

static const struct timeline_ops ops = {.on_entry = on_entry, .on_warning = on_warning};

static void begin(struct quirk *q) {
	q->timeline = timeline_new(config_app(q->config, "live", 4), ++q->epoch, &q->run, &ops, q);
	cr_assert(q->timeline);
}

static void end(struct quirk *q) {
	timeline_flush(q->timeline);
	struct timeline_counts counts = timeline_counts(q->timeline);
	timeline_counts_add(&q->counts, &counts);
	timeline_free(&q->timeline);
}

/* --- samples --- */

static enum track_kind kind_of(char letter) {
	return letter == 'v' ? TRACK_VIDEO : TRACK_AUDIO;
}

static uint32_t codec_of(char letter) {
	return letter == 'v' ? FOURCC_AVC : letter == 'm' ? FOURCC_MP3 : FOURCC_AAC;
}

static void push(struct quirk *q, struct sample *s, const void *payload, size_t size, double wall_ms) {
	s->block = bytes_copy(payload, size);
	cr_assert(s->block);
	s->payload = bytes_slice(s->block);
	cr_assert_eq(timeline_push(q->timeline, s, WALL + (int64_t)(wall_ms * 1000)), 0);
	bytes_unref(&s->block);
}

/* v|a|m MS CTS KEY WALL_MS */
static bool read_frame(struct quirk *q, const char *line) {
	char letter;
	unsigned long ms;
	int cts, key;
	double wall_ms;
	if (sscanf(line, "%c %lu %d %d %lf", &letter, &ms, &cts, &key, &wall_ms) != 5 || !strchr("vam", letter))
		return false;
	struct sample s = {.type = SAMPLE_FRAME,
	                   .kind = kind_of(letter),
	                   .fourcc = codec_of(letter),
	                   .timestamp_ms = (uint32_t)ms,
	                   .composition_ms = cts,
	                   .keyframe = key,
	                   .flv_audio = letter == 'm' ? 0x2f : 0};
	push(q, &s, "frame", 5, wall_ms);
	return true;
}

/* config v|a MS WALL_MS HEX */
static bool read_config(struct quirk *q, const char *line) {
	char letter, hex[LINE_MAX_BYTES];
	unsigned long ms;
	double wall_ms;
	if (sscanf(line, "config %c %lu %lf %999s", &letter, &ms, &wall_ms, hex) != 4)
		return false;
	uint8_t bytes[LINE_MAX_BYTES / 2];
	size_t size = strlen(hex) / 2;
	for (size_t i = 0; i < size; i++) {
		unsigned byte;
		cr_assert_eq(sscanf(hex + 2 * i, "%2x", &byte), 1, "%s:%u: no hex", q->file, q->line);
		bytes[i] = (uint8_t)byte;
	}
	struct sample s = {.type = SAMPLE_CONFIG,
	                   .kind = kind_of(letter),
	                   .fourcc = codec_of(letter),
	                   .timestamp_ms = (uint32_t)ms,
	                   .keyframe = true};
	push(q, &s, bytes, size, wall_ms);
	return true;
}

/* --- expectations --- */

static bool find_fact(const struct quirk *q, const char *name, double *value) {
	const struct timeline_counts *c = &q->counts;
	const struct {
		const char *name;
		double value;
	} facts[] = {
	    {"frames", (double)c->frames},
	    {"dropped", (double)c->dropped},
	    {"splices", (double)c->splices},
	    {"discontinuities", (double)c->discontinuities},
	    {"moved", (double)c->moved},
	    {"compositions", (double)c->compositions},
	    {"regridded", (double)c->regridded},
	    {"nudged", (double)c->nudged},
	    {"marks", (double)c->marks},
	    {"forced_marks", (double)c->forced_marks},
	    {"gaps", (double)c->gaps},
	    {"progress", (double)c->progress},
	    {"anchors", (double)c->anchors},
	    {"tracks", q->run.tracks ? (double)q->run.tracks->count : 0},
	    {"revision", q->run.tracks ? q->run.tracks->revision : 0},
	    {"target_ms", q->run.target_ms},
	    {"media_ms", (double)(q->run.highest_us - q->run.base_us) / 1000},
	    {"abandoned", (double)q->check->counts.abandoned},
	};
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
		if (!strcmp(facts[i].name, name)) {
			*value = facts[i].value;
			return true;
		}
	return false;
}

static void expect_warning(struct quirk *q, const char *line) {
	const char *from = strchr(line, '"'), *to = strrchr(line, '"');
	cr_assert(from && to > from, "%s:%u: expect warning \"TEXT\"", q->file, q->line);
	char text[LINE_MAX_BYTES];
	snprintf(text, sizeof text, "%.*s", (int)(to - from - 1), from + 1);
	cr_assert(strstr(q->warnings, text), "%s:%u: this was not told; but:\n%s", q->file, q->line, q->warnings);
}

/* The first of them ends the publish. */
static void expect(struct quirk *q, const char *line) {
	char name[32];
	double least, most, value;
	if (!q->finished) {
		end(q);
		timeline_check_end(q->check, q->run.target_ms);
		const char *fault = timeline_check_fault(q->check);
		cr_assert_null(fault, "%s: %s", q->file, fault);
		q->finished = true;
	}
	q->expectations++;
	if (!strncmp(line, "expect warning ", 15)) {
		expect_warning(q, line);
		return;
	}
	if (!strncmp(line, "expect no warning", 17)) {
		cr_assert_str_empty(q->warnings, "%s:%u: told: %s", q->file, q->line, q->warnings);
		return;
	}
	int read = sscanf(line, "expect %31s %lf to %lf", name, &least, &most);
	most = read == 2 ? least : most;
	cr_assert(read >= 2 && find_fact(q, name, &value), "%s:%u: no such expectation", q->file, q->line);
	cr_assert(value >= least && value <= most, "%s:%u: %s is %g", q->file, q->line, name, value);
}

/* --- files --- */

static void read_line(struct quirk *q, const char *line) {
	q->line++;
	if (line[0] == '#' || line[0] == '\n' || !line[0])
		return;
	if (!strncmp(line, "expect ", 7)) {
		expect(q, line);
	} else if (!strncmp(line, "publish again", 13)) {
		end(q);
		begin(q);
	} else {
		cr_assert(read_config(q, line) || read_frame(q, line), "%s:%u: cannot be read: %s", q->file, q->line, line);
	}
}

static void run_file(const char *name) {
	struct quirk q = {.file = name, .config = test_config(), .check = timeline_check_new(), .epoch = 100};
	char path[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
	snprintf(path, sizeof path, "%s/%s", FOLDER, name);
	FILE *f = fopen(path, "r");
	cr_assert(f && q.check, "%s", path);
	begin(&q);
	while (fgets(line, sizeof line, f))
		read_line(&q, line);
	fclose(f);
	cr_assert_geq(q.expectations, 3, "%s expects too little", name);
	timeline_free(&q.timeline);
	timeline_check_free(&q.check);
	timeline_run_fini(&q.run);
	test_config_free(q.config);
}

struct quirk_file {
	char name[256];
};

static size_t list_files(struct quirk_file *files, size_t max) {
	DIR *folder = opendir(FOLDER);
	size_t count = 0;
	for (struct dirent *e; folder && (e = readdir(folder));) {
		const char *dot = strrchr(e->d_name, '.');
		if (dot && !strcmp(dot, ".txt") && count < max)
			snprintf(files[count++].name, sizeof files->name, "%s", e->d_name);
	}
	if (folder)
		closedir(folder);
	return count;
}

Test(timeline_quirks, files_are_there) {
	struct quirk_file files[FILES_MAX];
	cr_assert_geq(list_files(files, FILES_MAX), FILES_LEAST, "quirks are missing from %s", FOLDER);
}

ParameterizedTestParameters(timeline_quirks, habits_are_mended_as_their_files_say) {
	struct quirk_file *files = cr_malloc(FILES_MAX * sizeof *files);
	size_t count = files ? list_files(files, FILES_MAX) : 0;
	return cr_make_param_array(struct quirk_file, files, count, NULL);
}

ParameterizedTest(struct quirk_file *file, timeline_quirks, habits_are_mended_as_their_files_say) {
	run_file(file->name);
}
