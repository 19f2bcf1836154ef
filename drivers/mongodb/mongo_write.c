/* SPDX-License-Identifier: Apache-2.0
 *
 * mongo_write.c
 *	  Storing batches, and removing traces.
 *
 * The _id of a document is made from the texts that identify the notification.
 * So a duplicate key means that the notification is stored already.
 */
#include "mongodb.h"

#include "point_id.h"

#define DUPLICATE_KEY 11000
/* How many documents are sent together. The answer to that many arrives in time. */
#define REQUEST_DOCUMENTS 4000

#define DELETE_TRACES 200
#define DOCUMENT_MAX  (16 * 1024 * 1024) /* in every version of MongoDB */

/* A batch that is being sent. */
typedef struct sending
{
	osp_driver_conn *conn;
	osp_error *err;
	size_t refused;
	osp_error why; /* the reason of the first refusal */
} sending;

/* Is this error code of MongoDB about the document? */
static bool
is_about_document(int32_t code)
{
	static const int32_t codes[] = {
		2,     /* BadValue */
		22,    /* InvalidBSON */
		52,    /* DollarPrefixedFieldName */
		56,    /* EmptyFieldName */
		57,    /* DottedFieldName */
		121,   /* DocumentValidationFailure */
		10334, /* BSONObjectTooLarge */
		17280, /* KeyTooLong */
	};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static void
refuse(sending *s, const char *reason)
{
	s->refused++;
	if (s->why.code == OSP_OK)
		(void) osp_error_set(&s->why,
							 OSP_EREFUSED,
							 "%.80s refuses a document: %.120s",
							 s->conn->where,
							 reason);
}

/* ---- indexes ---- */

/*
 * Makes the index of base_id. Upstream makes none, so reading a trace would
 * mean reading all documents. A user who may not make one works without.
 */
static osp_status
need_index(osp_driver_conn *conn, osp_error *err)
{
	bson_t *command;
	bson_error_t why;

	if (conn->has_index)
		return OSP_OK;
	command = BCON_NEW("createIndexes",
					   "profiler",
					   "indexes",
					   "[",
					   "{",
					   "key",
					   "{",
					   "base_id",
					   BCON_INT32(1),
					   "}",
					   "name",
					   "base_id_1",
					   "}",
					   "]");
	conn->has_index = mongoc_client_write_command_with_opts(
		conn->client, "osprofiler", command, NULL, NULL, &why);
	bson_destroy(command);
	if (!conn->has_index && why.domain != MONGOC_ERROR_SERVER)
		return osp__mongo_failed(conn, &why, err);
	conn->has_index = true;
	return OSP_OK;
}

/* ---- storing ---- */

/* Adds a document to the bulk, unless the notification cannot become one. */
static osp_status
add_document(sending *s, mongoc_bulk_operation_t *bulk, const bson_t *options,
			 const osp_notification *item)
{
	osp_driver_conn *conn = s->conn;
	char text[OSP_UUID_TEXT_LEN + 1];
	bson_t document = BSON_INITIALIZER;
	bson_error_t why = {0};
	osp_status status;
	osp_uuid id;

	osp__point_id(item, &id);
	osp_uuid_text(&id, text);
	(void) BSON_APPEND_UTF8(&document, "_id", text);
	status = osp__mongo_from_json(conn, item->json, &document);
	if (status == OSP_ENOMEM)
		(void) osp__mongo_no_memory(s->err);
	else if (status != OSP_OK)
		refuse(s, "it cannot be BSON");
	else if (document.len > DOCUMENT_MAX)
		refuse(s, "it is larger than a document may be");
	else if (!mongoc_bulk_operation_insert_with_opts(
				 bulk, &document, options, &why))
		refuse(s, why.message);
	bson_destroy(&document);
	return status == OSP_ENOMEM ? status : OSP_OK;
}

/* Reads why documents were not stored. *told becomes the number of documents
 * for which the answer gives a reason. */
static osp_status
read_write_errors(sending *s, const bson_t *reply, size_t *told)
{
	bson_iter_t iter;
	bson_iter_t errors;

	*told = 0;
	if (!bson_iter_init_find(&iter, reply, "writeErrors") ||
		!bson_iter_recurse(&iter, &errors))
		return OSP_OK;
	while (bson_iter_next(&errors))
	{
		const char *message = "";
		int32_t code = 0;
		bson_iter_t member;

		if (bson_iter_recurse(&errors, &member) &&
			bson_iter_find(&member, "code"))
			code = (int32_t) bson_iter_as_int64(&member);
		if (bson_iter_recurse(&errors, &member) &&
			bson_iter_find(&member, "errmsg") && BSON_ITER_HOLDS_UTF8(&member))
			message = bson_iter_utf8(&member, NULL);
		++*told;
		if (code == DUPLICATE_KEY)
			continue;
		if (!is_about_document(code))
			return osp_error_set(s->err,
								 OSP_EUNAVAIL,
								 "%.80s: error %d for a document: %.120s",
								 s->conn->where,
								 (int) code,
								 message);
		refuse(s, message);
	}
	return OSP_OK;
}

static bool
has_elements(const bson_t *reply, const char *name)
{
	bson_iter_t iter;
	bson_iter_t inner;

	return bson_iter_init_find(&iter, reply, name) &&
		   bson_iter_recurse(&iter, &inner) && bson_iter_next(&inner);
}

/* Sends the bulk. The answer must account for all of its documents. */
static osp_status
execute(sending *s, mongoc_bulk_operation_t *bulk, size_t count)
{
	bson_error_t why = {0};
	osp_status status;
	bson_iter_t iter;
	int64_t stored = 0;
	size_t told = 0;
	bson_t reply;
	bool good;

	good = mongoc_bulk_operation_execute(bulk, &reply, &why) != 0;
	status = read_write_errors(s, &reply, &told);
	if (bson_iter_init_find(&iter, &reply, "nInserted"))
		stored = bson_iter_as_int64(&iter);
	if (status == OSP_OK &&
		(has_elements(&reply, "writeConcernErrors") || (!good && told == 0) ||
		 (size_t) stored + told != count))
	{
		if (why.message[0] == '\0')
			bson_set_error(&why, 0, 0, "it does not confirm all documents");
		status = osp__mongo_failed(s->conn, &why, s->err);
	}
	bson_destroy(&reply);
	return status;
}

static osp_status
store_some(sending *s, const osp_notification *items, size_t count)
{
	size_t refused = s->refused;
	bson_t *unordered = BCON_NEW("ordered", BCON_BOOL(false));
	bson_t *unchecked = BCON_NEW("validate", BCON_BOOL(false));
	mongoc_bulk_operation_t *bulk =
		mongoc_collection_create_bulk_operation_with_opts(s->conn->points,
														  unordered);
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < count && status == OSP_OK; i++)
		status = add_document(s, bulk, unchecked, &items[i]);
	refused = s->refused - refused;
	if (status == OSP_OK && refused < count)
		status = execute(s, bulk, count - refused);
	mongoc_bulk_operation_destroy(bulk);
	bson_destroy(unordered);
	bson_destroy(unchecked);
	return status;
}

static osp_status
store_items(sending *s, const osp_notification *items, size_t count)
{
	osp_status status = OSP_OK;
	size_t done;

	for (done = 0; done < count && status == OSP_OK; done += REQUEST_DOCUMENTS)
	{
		size_t left = count - done;

		status = osp__mongo_check(s->conn, s->err);
		if (status == OSP_OK)
			status =
				store_some(s,
						   items + done,
						   left < REQUEST_DOCUMENTS ? left : REQUEST_DOCUMENTS);
	}
	return status;
}

/* Notes which traces have an error, as upstream does. */
static osp_status
store_errors(sending *s, const osp_notification *items, size_t count)
{
	osp_driver_conn *conn = s->conn;
	bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
	osp_status status = OSP_OK;
	bson_error_t why = {0};
	size_t i;

	for (i = 0; i < count && status == OSP_OK; i++)
	{
		bson_t selector = BSON_INITIALIZER;
		bson_t document = BSON_INITIALIZER;

		if (items[i].error)
		{
			osp_str id = items[i].base_id;
			osp_str at = items[i].timestamp;

			(void) bson_append_utf8(
				&selector, "base_id", -1, id.ptr, (int) id.len);
			(void) bson_append_utf8(
				&document, "base_id", -1, id.ptr, (int) id.len);
			(void) bson_append_utf8(
				&document, "timestamp", -1, at.ptr, (int) at.len);
			if (!mongoc_collection_replace_one(
					conn->errors, &selector, &document, upsert, NULL, &why))
				status = osp__mongo_failed(conn, &why, s->err);
		}
		bson_destroy(&selector);
		bson_destroy(&document);
	}
	bson_destroy(upsert);
	return status;
}

osp_status
osp__mongo_notify(osp_driver_conn *conn, const osp_notification *items,
				  size_t count, size_t *accepted, osp_error *err)
{
	sending s = {.conn = conn, .err = err};
	osp_status status;

	*accepted = 0;
	if (count == 0)
		return OSP_OK;
	status = osp__mongo_begin(conn, err);
	if (status == OSP_OK)
		status = need_index(conn, err);
	if (status == OSP_OK)
		status = store_items(&s, items, count);
	if (status == OSP_OK && conn->filter_error_trace)
		status = store_errors(&s, items, count);
	if (status != OSP_OK)
		return status;
	*accepted = count - s.refused;
	return s.refused == 0 ? OSP_OK
						  : osp_error_set(err, OSP_EREFUSED, "%s", s.why.msg);
}

/* ---- removing ---- */

/* Removes the documents of some traces; *deleted is their number. */
static osp_status
delete_from(osp_driver_conn *conn, mongoc_collection_t *collection,
			const bson_t *ids, int64_t *deleted, osp_error *err)
{
	bson_t *selector = BCON_NEW("base_id", "{", "$in", BCON_ARRAY(ids), "}");
	bson_error_t why = {0};
	bson_iter_t iter;
	bson_t reply;
	bool good =
		mongoc_collection_delete_many(collection, selector, NULL, &reply, &why);

	*deleted = 0;
	if (bson_iter_init_find(&iter, &reply, "deletedCount"))
		*deleted = bson_iter_as_int64(&iter);
	bson_destroy(&reply);
	bson_destroy(selector);
	return good ? OSP_OK : osp__mongo_failed(conn, &why, err);
}

static osp_status
delete_traces(osp_driver_conn *conn, bson_t *ids, uint32_t *count,
			  uint64_t *removed, osp_error *err)
{
	int64_t deleted = 0;
	int64_t ignored;
	osp_status status = osp__mongo_check(conn, err);

	if (status == OSP_OK && *count > 0)
		status = delete_from(conn, conn->points, ids, &deleted, err);
	if (deleted > 0)
		*removed += *count;
	if (status == OSP_OK && deleted > 0)
		status = delete_from(conn, conn->errors, ids, &ignored, err);
	bson_reinit(ids);
	*count = 0;
	return status;
}

static void
add_id(bson_t *ids, uint32_t *count, osp_str id)
{
	char room[16];
	const char *key;
	size_t len = bson_uint32_to_string((*count)++, &key, room, sizeof(room));

	(void) bson_append_utf8(ids, key, (int) len, id.ptr, (int) id.len);
}

osp_status
osp__mongo_remove_traces(osp_driver_conn *conn, const osp_removal *what,
						 uint64_t *removed, osp_error *err)
{
	osp_removal known = {.count = 0};
	const osp_traces *traces = &conn->traces;
	osp_status status = osp__mongo_begin(conn, err);
	bson_t ids = BSON_INITIALIZER;
	uint32_t count = 0;
	size_t i;

	*removed = 0;
	osp_struct_copy(&known, sizeof(known), what);

	/*
	 * The traces are removed one by one, since only that shows which of them
	 * existed.
	 */
	for (i = 0; i < known.count && status == OSP_OK; i++)
	{
		add_id(&ids, &count, known.ids[i]);
		status = delete_traces(conn, &ids, &count, removed, err);
	}
	if (known.count == 0 && status == OSP_OK)
		status = osp__mongo_gather(conn, err);
	for (i = 0; known.count == 0 && i < traces->count && status == OSP_OK; i++)
	{
		if (osp__traces_is_older(&traces->entries[i], known.older_than_ns))
			add_id(&ids, &count, osp__traces_id(traces, i));
		if (count == DELETE_TRACES)
			status = delete_traces(conn, &ids, &count, removed, err);
	}
	if (status == OSP_OK)
		status = delete_traces(conn, &ids, &count, removed, err);
	bson_destroy(&ids);
	return status;
}
