/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c
 *	  Collecting the points of a trace.
 *
 * Each notification is read once, rewritten in canonical form if needed, and
 * kept as a whole, because the report shows it again as its raw payload.
 */
#include "osprofiler/notification.h"
#include "report/report_tree.h"
#include "json/json_layout.h"

#define NONE     OSP_STR("null")
#define NO_ERROR OSP_STR("\"None\"")

/* A node usually has two points. The points of a node with more than this are
 * hashed. */
#define FEW_POINTS 8

/* The fields of a notification that the report uses. Texts are parts of it. */
typedef struct fields
{
	osp_str name;
	osp_str trace_id;
	osp_str parent_id;
	osp_str base_id;
	osp_str project;
	osp_str service;
	osp_str host;
	osp_str etype;
	int64_t time_ns;
	int64_t elapsed_ns;
	int64_t lost_points;
	bool has_name;
	bool has_time;
	bool stop;
} fields;

osp_report *
osp_report_new(const osp_allocator *alc)
{
	osp_report *report = osp_alloc(alc, sizeof(*report));

	if (report == NULL)
		return NULL;
	memset(report, 0, offsetof(osp_report, space));
	report->alc = alc;
	report->base_id = NONE;
	osp_report_set_show_command(report, "osprofiler trace show ", "");
	osp__arena_init(&report->texts, alc);
	osp__arena_init(&report->structs, alc);
	osp__json_reader_init(
		&report->reader, alc, report->space, sizeof(report->space));
	osp_buf_init(&report->unique, alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&report->canonical, alc, OSP_NOTIFICATION_MAX);
	osp_uuid_new(&report->hash_key);
	osp__table_init(&report->nodes, alc);
	osp__table_init(&report->points, alc);
	osp__table_init(&report->contents, alc);
	osp__table_init(&report->stats, alc);
	return report;
}

void
osp_report_free(osp_report *report)
{
	if (report == NULL)
		return;
	osp__json_reader_term(&report->reader);
	osp_buf_term(&report->unique);
	osp_buf_term(&report->canonical);
	osp__table_term(&report->nodes);
	osp__table_term(&report->points);
	osp__table_term(&report->contents);
	osp__table_term(&report->stats);
	osp_free(report->alc, report->sorted);
	osp__arena_term(&report->texts);
	osp__arena_term(&report->structs);
	osp_free(report->alc, report);
}

osp_str
osp_report_base_id(const osp_report *report)
{
	osp_str id = report->base_id;

	return id.ptr[0] == '"' ? osp_str_n(id.ptr + 1, id.len - 2) : OSP_STR("");
}

size_t
osp_report_points(const osp_report *report)
{
	return report->point_count;
}

size_t
osp_report_unfinished(const osp_report *report)
{
	const osp__node *node;
	size_t count = 0;

	for (node = report->first_arrived; node != NULL; node = node->next_arrived)
		count += node->stops == 0;
	return count;
}

int64_t
osp_report_latest_ns(const osp_report *report)
{
	return report->any_point ? report->finished_ns : 0;
}

size_t
osp_report_duplicates(const osp_report *report)
{
	return report->duplicates;
}

size_t
osp_report_malformed(const osp_report *report)
{
	return report->malformed;
}

const char *
osp_report_malformed_why(const osp_report *report)
{
	return report->malformed_why.msg;
}

size_t
osp_report_repeated(const osp_report *report)
{
	return report->repeated;
}

size_t
osp_report_unexported(const osp_report *report)
{
	return report->unexported;
}

void
osp_report_ask_process(osp_report *report, osp_process_fn fn, void *ctx)
{
	report->process_fn = fn;
	report->process_ctx = ctx;
}

void
osp_report_set_show_command(osp_report *report, const char *before,
							const char *behind)
{
	report->show_before = before;
	report->show_behind = behind;
}

/* Reads json, or its canonical form if it is not canonical. */
static osp_status
read_canonical(osp_report *report, osp_str json)
{
	osp__json_reader *reader = &report->reader;
	osp_status status = osp__json_read_unique(reader, json, &report->unique);

	if (status != OSP_OK || osp__json_is_canonical(reader->text))
		return status;
	osp_buf_reset(&report->canonical);
	osp__json_layout(&report->canonical, osp__json_root_text(reader), -1, 0);
	status = osp_buf_status(&report->canonical);
	if (status == OSP_OK)
		status = osp__json_read(reader, osp_buf_str(&report->canonical));
	return status;
}

static void
take_info(osp_report *report, const osp__json_member *info, fields *f)
{
	osp__json_iter iter;
	osp__json_member member;

	if (!yyjson_is_obj(info->value))
		return;
	osp__json_iter_init(&iter, &report->reader, info->value, info->value_text);
	while (osp__json_iter_next(&iter, &member))
	{
		if (osp__json_is(member.key, OSP_STR("host")))
			f->host = member.value_text;
		else if (osp__json_is(member.key, OSP_STR("etype")))
			f->etype = member.value_text;
		else if (osp__json_is(member.key, OSP_STR("elapsed_ns")) &&
				 !osp__json_i64(member.value, &f->elapsed_ns))
			f->elapsed_ns = -1;
		else if (osp__json_is(member.key, OSP_STR("lost_points")) &&
				 !osp__json_i64(member.value, &f->lost_points))
			f->lost_points = 0;
	}
}

/* Notes whether several processes, or several files, are at work in SQLite. */
static void
note_sqlite(osp_report *report, const fields *f)
{
	const osp_str start = OSP_STR("sqlite-start");
	yyjson_val *db;
	osp_str file;
	int64_t pid;

	if (!osp_str_eq(f->name, start))
		return;
	db = yyjson_obj_get(osp__json_root(&report->reader), "info");
	db = yyjson_obj_get(db, "db");
	file = osp__json_str(yyjson_obj_get(db, "name"));
	if (file.len > 0)
	{
		uint64_t hash = osp__table_hash(&report->hash_key, file) | 1;

		if (report->sqlite_file == 0)
			report->sqlite_file = hash;
		report->sqlite_files |= report->sqlite_file != hash;
	}
	if (osp__json_i64(yyjson_obj_get(db, "pid"), &pid) && pid > 0)
	{
		if (report->sqlite_pid == 0)
			report->sqlite_pid = pid;
		report->sqlite_processes |= report->sqlite_pid != pid;
	}
}

/* The inside of a string; any other value as it is. */
static osp_str
unquote(osp_str value)
{
	if (value.len >= 2 && value.ptr[0] == '"')
		return osp_str_n(value.ptr + 1, value.len - 2);
	return value;
}

static void
take_member(osp_report *report, const osp__json_member *member, fields *f)
{
	osp_str key = osp__json_str(member->key);
	osp_str value = member->value_text;

	if (osp_str_eq(key, OSP_STR("name")))
	{
		f->has_name = yyjson_is_str(member->value);
		f->name = unquote(value);
	}
	else if (osp_str_eq(key, OSP_STR("base_id")))
		f->base_id = value;
	else if (osp_str_eq(key, OSP_STR("trace_id")))
		f->trace_id = value;
	else if (osp_str_eq(key, OSP_STR("parent_id")))
		f->parent_id = value;
	else if (osp_str_eq(key, OSP_STR("timestamp")))
		f->has_time =
			osp_timestamp_parse(osp__json_str(member->value), &f->time_ns);
	else if (osp_str_eq(key, OSP_STR("info")))
		take_info(report, member, f);
	else if (osp_str_eq(key, OSP_STR("project")))
		f->project = value;
	else if (osp_str_eq(key, OSP_STR("service")))
		f->service = value;
}

static bool
ends_with_stop(osp_str name)
{
	const osp_str stop = OSP_STR("stop");

	return name.len >= stop.len &&
		   memcmp(name.ptr + name.len - stop.len, stop.ptr, stop.len) == 0;
}

/* Checks the fields that upstream needs; the others may be missing. */
static osp_status
check_fields(const fields *f, osp_error *err)
{
	if (!f->has_name)
		return osp_error_set(
			err, OSP_EPROTO, "a notification needs a string \"name\"");
	if (f->trace_id.len == 0)
		return osp_error_set(
			err, OSP_EPROTO, "a notification needs a \"trace_id\"");
	if (!f->has_time)
		return osp_error_set(err,
							 OSP_EPROTO,
							 "a notification needs a \"timestamp\" such as "
							 "2026-11-22T15:56:58.022333");
	return OSP_OK;
}

static osp_status
take_fields(osp_report *report, fields *f, osp_error *err)
{
	osp__json_reader *reader = &report->reader;
	osp__json_iter iter;
	osp__json_member member;

	memset(f, 0, sizeof(*f));
	f->name = f->trace_id = OSP_STR("");
	f->parent_id = f->base_id = f->project = f->service = f->host = NONE;
	f->etype = NO_ERROR;
	f->elapsed_ns = -1;
	if (!yyjson_is_obj(osp__json_root(reader)))
		return osp_error_set(err, OSP_EPROTO, "not a JSON object");
	osp__json_iter_init(
		&iter, reader, osp__json_root(reader), osp__json_root_text(reader));
	while (osp__json_iter_next(&iter, &member))
		take_member(report, &member, f);
	f->stop = ends_with_stop(f->name);
	return check_fields(f, err);
}

static osp__node *
find_node(const osp_report *report, osp_str trace_id, uint64_t hash)
{
	size_t pos = 0;
	osp__node *node;

	while ((node = osp__table_next(&report->nodes, hash, &pos)) != NULL)
	{
		if (osp_str_eq(node->trace_id, trace_id))
			return node;
	}
	return NULL;
}

osp__node *
osp__report_find(const osp_report *report, osp_str trace_id)
{
	return find_node(
		report, trace_id, osp__table_hash(&report->hash_key, trace_id));
}

/* Can id name an operation? Null and the empty text cannot, even if a node has such an
 * id. */
static bool
names_operation(osp_str id)
{
	return !osp_str_eq(id, NONE) && !osp_str_eq(id, OSP_STR("\"\""));
}

osp__node *
osp__report_find_parent(const osp_report *report, const osp__node *node)
{
	return names_operation(node->parent_id)
			   ? osp__report_find(report, node->parent_id)
			   : NULL;
}

bool
osp__node_misses_parent(const osp_report *report, const osp__node *node)
{
	return node->parent == NULL && names_operation(node->parent_id) &&
		   !osp_str_eq(node->parent_id, report->base_id);
}

/* Does the parent's id come from a traceparent? Such an id has 64 bits, in the lower
 * half of a UUID. */
static bool
is_of_traceparent(osp_str parent_id)
{
	const osp_str none = OSP_STR("\"00000000-0000-0000-");

	return parent_id.len == OSP_UUID_TEXT_LEN + 2 &&
		   memcmp(parent_id.ptr, none.ptr, none.len) == 0;
}

bool
osp__node_lost_parent(const osp_report *report, const osp__node *node)
{
	return osp__node_misses_parent(report, node) &&
		   !is_of_traceparent(node->parent_id);
}

static uint64_t
hash_point(const osp_report *report, const osp__node *node, osp_str name)
{
	/* Mixes in the address of the node, spread over all bits. */
	return osp__table_hash(&report->hash_key, name) ^
		   (uint64_t) (uintptr_t) node * UINT64_C(0x9e3779b97f4a7c15);
}

static osp__point *
find_point(const osp_report *report, const osp__node *node, osp_str name)
{
	size_t pos = 0;
	uint64_t hash;
	osp__point *point;

	if (node->starts + node->stops <= FEW_POINTS)
	{
		for (point = node->first; point != NULL; point = point->next)
		{
			if (osp_str_eq(point->name, name))
				return point;
		}
		return NULL;
	}
	hash = hash_point(report, node, name);
	while ((point = osp__table_next(&report->points, hash, &pos)) != NULL)
	{
		if (point->node == node && osp_str_eq(point->name, name))
			return point;
	}
	return NULL;
}

/* Adds the point that was linked last to the hash table, or all points of the node when
 * it gets its first point beyond FEW_POINTS. */
static void
hash_points(osp_report *report, osp__node *node)
{
	unsigned count = node->starts + node->stops;
	osp__point *point = count == FEW_POINTS + 1 ? node->first : node->last;

	for (; count > FEW_POINTS && point != NULL; point = point->next)
		osp__table_add(
			&report->points, hash_point(report, node, point->name), point);
}

/* Finds or makes the statistics of a name; NULL: no memory. */
static osp__stat *
get_stat(osp_report *report, osp_str name)
{
	osp__stat *stat = report->recent_stat;
	size_t pos = 0;
	uint64_t hash;

	if (stat != NULL && osp_str_eq(stat->name, name))
		return stat;
	hash = osp__table_hash(&report->hash_key, name);
	while ((stat = osp__table_next(&report->stats, hash, &pos)) != NULL)
	{
		if (osp_str_eq(stat->name, name))
			return stat;
	}
	stat = osp__arena_alloc(&report->structs, sizeof(*stat));
	if (stat == NULL || !osp__table_reserve(&report->stats, 1))
		return NULL;
	memset(stat, 0, sizeof(*stat));
	stat->name = name;
	osp__table_add(&report->stats, hash, stat);
	if (report->last_stat != NULL)
		report->last_stat->next = stat;
	else
		report->first_stat = stat;
	report->last_stat = stat;
	return stat;
}

/* Finds a part of a text in a copy of the text; a part that is a constant is not in the
 * text and stays as it is. */
static osp_str
relocate(osp_str part, osp_str from, osp_str to)
{
	uintptr_t offset = (uintptr_t) part.ptr - (uintptr_t) from.ptr;

	if (offset < from.len)
		part.ptr = to.ptr + offset;
	return part;
}

/* Copies the notification into the arena, and makes the fields parts of the copy. */
static bool
keep_text(osp_report *report, fields *f, osp_str *json)
{
	osp_str from = osp__json_root_text(&report->reader);
	osp_str *parts[] = {&f->name,
						&f->trace_id,
						&f->parent_id,
						&f->base_id,
						&f->project,
						&f->service,
						&f->host,
						&f->etype};
	size_t i;

	if (!osp__arena_copy(&report->texts, from, json))
		return false;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		*parts[i] = relocate(*parts[i], from, *json);
	return true;
}

static osp__node *
new_node(osp_report *report, const fields *f, uint64_t hash)
{
	osp__node *node = osp__arena_alloc(&report->structs, sizeof(*node));
	const char *dash = memchr(f->name.ptr, '-', f->name.len);

	if (node == NULL)
		return NULL;
	memset(node, 0, sizeof(*node));
	node->name = f->name;
	if (dash != NULL)
		node->name.len = (size_t) (dash - f->name.ptr);
	node->trace_id = f->trace_id;
	node->parent_id = f->parent_id;
	node->project = f->project;
	node->service = f->service;
	node->host = f->host;
	node->elapsed_ns = -1;
	node->loss = osp_str_eq(node->name, OSP_STR(OSP__LOSS_NAME));
	report->loss_reports += node->loss;
	node->stat = get_stat(report, node->name);
	if (node->stat == NULL)
		return NULL;
	report->recent_stat = node->stat;
	node->known_parent = osp__report_find_parent(report, node);
	osp__table_add(&report->nodes, hash, node);
	if (report->last_arrived != NULL)
		report->last_arrived->next_arrived = node;
	else
		report->first_arrived = node;
	report->last_arrived = node;
	report->node_count++;
	return node;
}

/* Makes point the last point of node. */
static void
link_point(osp_report *report, osp__node *node, osp__point *point,
		   const fields *f)
{
	memset(point, 0, sizeof(*point));
	point->node = node;
	point->name = f->name;
	point->stop = f->stop;
	if (node->last != NULL)
		node->last->next = point;
	else
		node->first = point;
	node->last = point;
	report->repeated += (f->stop ? node->stops++ : node->starts++) > 0;
	hash_points(report, node);
	report->point_count++;
}

/* Takes the times of a point over into its node. Of several starts or stops, the last
 * to arrive counts. */
static void
note_times(osp_report *report, osp__node *node, const fields *f)
{
	if (f->stop)
	{
		node->finished_ns = f->time_ns;
		node->elapsed_ns = f->elapsed_ns;
		node->etype = f->etype;
	}
	else
	{
		node->started_ns = f->time_ns;
		if (!report->any_start || report->last_started_ns < f->time_ns)
			report->last_started_ns = f->time_ns;
		report->any_start = true;
	}
	if (!report->any_point || report->started_ns > f->time_ns)
		report->started_ns = f->time_ns;
	if (!report->any_point || report->finished_ns < f->time_ns)
		report->finished_ns = f->time_ns;
	if (!node->loss && (report->ended_ns == 0 || report->ended_ns < f->time_ns))
		report->ended_ns = f->time_ns;
	if (!report->any_point)
		report->base_id = f->base_id;
	report->any_point = true;
}

osp_str
osp__node_tracer(const osp__node *node)
{
	const char *dot = memchr(node->name.ptr, '.', node->name.len);

	return osp_str_n(node->name.ptr,
					 dot != NULL ? (size_t) (dot - node->name.ptr)
								 : node->name.len);
}

bool
osp__node_same_tracer(const osp__node *a, const osp__node *b)
{
	return osp_str_eq(a->host, b->host) && osp_str_eq(a->service, b->service) &&
		   osp_str_eq(a->project, b->project) &&
		   osp_str_eq(osp__node_tracer(a), osp__node_tracer(b));
}

/* Counts the lost points that a point of node reports. In an operation osprofiler.lost,
 * start and stop both name the same number, so it is counted once. */
static void
note_loss(osp_report *report, const osp__node *node, const fields *f)
{
	osp_str tracer = osp__node_tracer(node);
	osp__loss *loss = report->losses;
	osp__loss *end = loss + report->loss_count;

	if (node->loss && node->starts + node->stops > 1)
		return;
	report->lost_points += (uint64_t) f->lost_points;
	while (loss < end && (!osp_str_eq(loss->tracer, tracer) ||
						  !osp_str_eq(loss->host, node->host)))
		loss++;
	if (loss == end && report->loss_count < OSP__LOSSES_MAX)
	{
		report->loss_count++;
		loss->tracer = tracer;
		loss->host = node->host;
		loss->last_ns = f->time_ns;
	}
	else if (loss == end)
	{
		loss--;
		loss->tracer = loss->host = OSP_STR("");
	}
	if (loss->last_ns < f->time_ns)
		loss->last_ns = f->time_ns;
}

/* Notes one version of a point's contents; false: it was noted before. */
static bool
note_content(osp_report *report, osp__point *point, osp_str json)
{
	uint64_t hash = hash_point(report, point->node, json);
	size_t pos = 0;
	const osp__point *known;

	while ((known = osp__table_next(&report->contents, hash, &pos)) != NULL)
		if (known == point)
			return false;
	osp__table_add(&report->contents, hash, point);
	return true;
}

/* Counts that a known point came with other contents. A program that follows a trace
 * reads all points again and again, so each version counts once. */
static void
note_contents(osp_report *report, osp__point *point, osp_str json)
{
	(void) note_content(report, point, point->json);
	report->repeated += note_content(report, point, json);
}

static osp_status
add_point(osp_report *report, fields *f)
{
	uint64_t hash = osp__table_hash(&report->hash_key, f->trace_id);
	osp__node *node = find_node(report, f->trace_id, hash);
	osp__point *known = NULL;
	osp__point *point;
	osp_str json;

	if (node != NULL)
		known = find_point(report, node, f->name);
	if (known != NULL)
	{
		report->duplicates++;
		if (osp_str_eq(known->json, osp__json_root_text(&report->reader)))
			return OSP_OK;
		if (!osp__table_reserve(&report->contents, 2))
			return OSP_ENOMEM;
		known->differs = true;
	}

	/* Allocates everything before anything is changed. */
	point = known;
	if (known == NULL)
		point = osp__arena_alloc(&report->structs, sizeof(*point));
	if (point == NULL || !osp__table_reserve(&report->nodes, 1) ||
		!osp__table_reserve(&report->points, FEW_POINTS + 1) ||
		!keep_text(report, f, &json))
		return OSP_ENOMEM;
	if (node == NULL)
		node = new_node(report, f, hash);
	if (node == NULL)
		return OSP_ENOMEM;
	if (known == NULL)
		link_point(report, node, point, f);
	else
		note_contents(report, known, json);
	if (known == NULL && f->lost_points > 0)
		note_loss(report, node, f);
	point->json = json;
	note_times(report, node, f);
	note_sqlite(report, f);
	report->built = false;
	report->divided = false;
	return OSP_OK;
}

osp_status
osp_report_add(osp_report *report, osp_str json, osp_error *err)
{
	osp_status status = OSP_EFULL;
	osp_error own;
	fields f;

	if (err == NULL)
		err = &own;
	if (json.len <= OSP_NOTIFICATION_MAX)
		status = read_canonical(report, json);
	if (status == OSP_EPROTO)
		(void) (report->reader.too_deep
					? osp_error_set(err,
									status,
									"nested deeper than %d levels",
									OSP_JSON_DEPTH_MAX)
					: osp_error_set(err, status, "not JSON"));
	if (status == OSP_EFULL)
		status = osp_error_set(err,
							   OSP_EPROTO,
							   "a notification of %zu bytes is too long",
							   json.len);
	if (status == OSP_OK)
		status = take_fields(report, &f, err);
	if (status == OSP_OK)
		status = add_point(report, &f);
	if (status == OSP_EPROTO)
	{
		if (report->malformed++ == 0)
			report->malformed_why = *err;
	}
	else if (status != OSP_OK)
		(void) osp_error_set(err, status, "%s", osp_status_text(status));
	return status;
}
