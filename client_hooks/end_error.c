/* SPDX-License-Identifier: Apache-2.0
 *
 * end_error.c
 *	  Corrects the position and the message of a syntax error at the end of a
 *	  text that was sent with a comment.
 *
 * A comment follows the text, so the server's parser can meet it in one case
 * only: the text ends too early ("syntax error at end of input"). Then the
 * server reports the position behind the comment, and libpq shows the comment's
 * line. The statement is not sent again for that. The position is corrected in
 * the result. The message, which libpq has composed already, is composed again
 * in libpq's way, and the functions that return messages return that one.
 *
 * Results with a corrected message are in a list until they are cleared. They
 * are rare, so the list is nearly always empty, which costs one comparison.
 */
#include "end_error.h"

#include "propagate.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define SYNTAX_ERROR "42601"

/* How many columns of a statement libpq shows in a message. */
#define DISPLAY_COLUMNS 60

/* How many bytes of the comment's end are used to find its line in a message. */
#define COMMENT_TAIL 24

/* After this many results that were not cleared, no comments are sent any more. */
#define CORRECTED_MAX 1024

/* The size of the buffer for messages of a connection at first, as in libpq. */
#define SHOWN_FIRST 256

/* The facts from which libpq composed a message. */
typedef struct end_error
{
	char *text; /* the statement without the comment; owned; NULL: unknown */
	char tail[COMMENT_TAIL + 1];
	int encoding;
	long sent_position; /* as the server counts, with the comment */
	long position;      /* without the comment */
} end_error;

typedef struct corrected
{
	struct corrected *next;
	const PGresult *result;
	char *message; /* owned */
	end_error error;
} corrected;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static corrected *list = NULL;
static unsigned corrected_count = 0; /* atomic */
static unsigned shown_count = 0;     /* connections with our message; atomic */

/* --- the line of a statement ---------------------------------------------- */

/* The last line of a text, as libpq shows it. */
typedef struct last_line
{
	const char *begin;
	unsigned number;
	unsigned columns;
} last_line;

/*
 * The length of the character at p. A broken character does not extend beyond
 * the text.
 */
static size_t
char_len(const char *p, int encoding)
{
	size_t len = (size_t) REAL(PQmblen)(p, encoding);
	size_t left = strnlen(p, len > 0 ? len : 1);

	return len > 0 && len <= left ? len : left;
}

static unsigned
char_columns(const char *p, int encoding)
{
	int columns = REAL(PQdsplen)(p, encoding);

	return columns > 0 ? (unsigned) columns : 1;
}

/* Finds the last line, and cuts it at the left to the part that libpq shows. */
static void
find_last_line(const char *text, int encoding, last_line *line)
{
	const char *p;

	line->begin = text;
	line->number = 1;
	line->columns = 0;
	for (p = text; *p != '\0'; p += char_len(p, encoding))
	{
		line->columns += char_columns(p, encoding);
		if (*p != '\r' && *p != '\n')
			continue;
		if (*p == '\r' || p == text || p[-1] != '\r')
			line->number++;
		line->begin = p + 1;
		line->columns = 0;
	}
	while (line->columns > DISPLAY_COLUMNS)
	{
		line->columns -= char_columns(line->begin, encoding);
		line->begin += char_len(line->begin, encoding);
	}
}

/*
 * The length of a text as the server counts: in characters, or in bytes if its
 * database has no encoding (SQL_ASCII).
 */
static long
count_chars(const PGconn *conn, const char *text, int encoding)
{
	const char *server = REAL(PQparameterStatus)(conn, "server_encoding");
	long count = 0;

	if (server != NULL && strcmp(server, "SQL_ASCII") == 0)
		return (long) strlen(text);
	for (; *text != '\0'; text += char_len(text, encoding))
		count++;
	return count;
}

/* --- the message ---------------------------------------------------------- */

/*
 * Adds the statement's last line and the marker below it. prefix is the text
 * that libpq put before the comment's line, "LINE 2: " in the language of the
 * program; its number is replaced.
 */
static void
add_line(osp_buf *out, const end_error *error, osp_str prefix, bool is_cut)
{
	size_t digits = 0;
	size_t begin = out->len;
	unsigned columns = 0;
	last_line line;
	const char *p;

	find_last_line(error->text, error->encoding, &line);
	while (digits < prefix.len &&
		   (prefix.ptr[digits] < '0' || prefix.ptr[digits] > '9'))
		digits++;
	osp_buf_addf(out, "%.*s%u", (int) digits, prefix.ptr, line.number);
	while (digits < prefix.len && prefix.ptr[digits] >= '0' &&
		   prefix.ptr[digits] <= '9')
		digits++;
	osp_buf_add_str(out, osp_str_n(prefix.ptr + digits, prefix.len - digits));
	if (is_cut)
		osp_buf_add_str(out, OSP_STR("..."));
	if (osp_buf_status(out) != OSP_OK)
		return;
	for (p = out->ptr + begin; *p != '\0'; p += char_len(p, error->encoding))
		columns += char_columns(p, error->encoding);
	for (p = line.begin; *p != '\0'; p++)
		osp_buf_add_char(out, *p == '\t' ? ' ' : *p);
	osp_buf_addf(out, "\n%*s^\n", (int) (columns + line.columns), "");
}

/* Is the last line of the text longer than the part that is shown? */
static bool
last_line_is_cut(const end_error *error)
{
	last_line line;

	find_last_line(error->text, error->encoding, &line);
	return line.begin > error->text && line.begin[-1] != '\n' &&
		   line.begin[-1] != '\r';
}

/*
 * Replaces the message's line with the comment by the statement's last line;
 * false: the message shows no such line.
 */
static bool
replace_line(osp_buf *out, const end_error *error, const char *message)
{
	const char *tail = strstr(message, error->tail);
	const char *begin = tail;
	const char *dots;
	const char *end;

	if (tail == NULL)
		return false;
	while (begin > message && begin[-1] != '\n')
		begin--;
	dots = memmem(begin, (size_t) (tail - begin), "...", 3);
	end = strchr(tail, '\n');
	end = end != NULL ? strchr(end + 1, '\n') : NULL;
	if (dots == NULL || end == NULL)
		return false;
	osp_buf_add_str(out, osp_str_n(message, (size_t) (begin - message)));
	add_line(out,
			 error,
			 osp_str_n(begin, (size_t) (dots - begin)),
			 last_line_is_cut(error));
	osp_buf_add_str(out, osp_str_of(end + 1));
	return true;
}

/* Replaces the number in "... at character 57", which ends a terse message. */
static void
replace_number(osp_buf *out, const end_error *error, const char *message)
{
	char number[24];
	int len = snprintf(number, sizeof(number), " %ld", error->sent_position);
	const char *found = strstr(message, number);

	if (found == NULL || found[len] != '\n')
	{
		osp_buf_add_str(out, osp_str_of(message));
		return;
	}
	osp_buf_addf(out,
				 "%.*s %ld%s",
				 (int) (found - message),
				 message,
				 error->position,
				 found + len);
}

/* Returns the message without the comment, of malloc; NULL: no memory. */
static char *
correct_message(const end_error *error, const char *message)
{
	char *text = NULL;
	osp_buf out;

	osp_buf_init(&out, &osp_allocator_default, 1024 * 1024);
	if (!replace_line(&out, error, message))
		replace_number(&out, error, message);
	if (osp_buf_status(&out) == OSP_OK)
		text = strndup(out.ptr, out.len);
	osp_buf_term(&out);
	return text;
}

/* --- the results ---------------------------------------------------------- */

/* Finds the entry of a result. The caller has locked the list. */
static corrected **
find_link(const PGresult *result)
{
	corrected **link = &list;

	while (*link != NULL && (*link)->result != result)
		link = &(*link)->next;
	return link;
}

static bool
any_corrected(void)
{
	return OSP_UNLIKELY(__atomic_load_n(&corrected_count, __ATOMIC_ACQUIRE) >
						0);
}

static void
free_entry(corrected *entry)
{
	if (entry == NULL)
		return;
	free(entry->error.text);
	free(entry->message);
	free(entry);
}

/* Adds an entry to the list. */
static void
add_entry(corrected *entry)
{
	(void) pthread_mutex_lock(&lock);
	entry->next = list;
	list = entry;
	if (__atomic_add_fetch(&corrected_count, 1, __ATOMIC_RELEASE) ==
		CORRECTED_MAX)
		ospq_end_comments();
	(void) pthread_mutex_unlock(&lock);
}

/* Is this the error of a text that ends too early? */
static bool
read_end_error(end_error *error, const ospq_conn *c, const ospq_sent *sent,
			   const PGresult *result)
{
	const char *state = REAL(PQresultErrorField)(result, PG_DIAG_SQLSTATE);
	const char *field =
		REAL(PQresultErrorField)(result, PG_DIAG_STATEMENT_POSITION);
	long added;

	if (state == NULL || strcmp(state, SYNTAX_ERROR) != 0 || field == NULL)
		return false;
	added = (long) (sent->len - sent->text_len);
	error->sent_position = strtol(field, NULL, 10);
	error->position = error->sent_position - added;
	if (error->position <= 0)
		return false;
	error->encoding = REAL(PQclientEncoding)(c->conn);
	error->text = strndup(sent->ptr, sent->text_len);
	(void) snprintf(error->tail,
					sizeof(error->tail),
					"%s",
					sent->ptr + sent->len - COMMENT_TAIL);

	return error->text != NULL &&
		   error->position ==
			   count_chars(c->conn, error->text, error->encoding) + 1;
}

/* Writes the corrected position in place: it is smaller, so it has no more digits. */
static void
correct_position(const end_error *error, PGresult *result)
{
	char *field = REAL(PQresultErrorField)(result, PG_DIAG_STATEMENT_POSITION);

	(void) snprintf(field, strlen(field) + 1, "%ld", error->position);
}

/*
 * Overwrites the message in libpq's own buffer, of which the program may have had the
 * pointer before. It keeps its length, since libpq appends to it.
 */
static void
overwrite_own(char *own, const char *text)
{
	size_t len = strlen(own);
	size_t text_len = strlen(text);

	if (strcmp(own, text) == 0)
		return;
	memset(own, ' ', len);
	if (text_len <= len)
		memcpy(own, text, text_len);
}

/* Corrects the connection's message. */
static void
correct_own(ospq_conn *c, const end_error *error)
{
	char *own = REAL(PQerrorMessage)(c->conn);
	char *text = correct_message(error, ospq_error_message(c->conn));
	char *own_text = correct_message(error, own);

	if (own_text != NULL)
		overwrite_own(own, own_text);
	free(own_text);
	ospq_show_error(c, strdup(own), text);
}

void
ospq_correct_end_error(ospq_conn *c, const ospq_sent *sent, PGresult *result)
{
	corrected *entry = calloc(1, sizeof(*entry));

	if (entry == NULL || !read_end_error(&entry->error, c, sent, result))
	{
		free_entry(entry);
		return;
	}
	entry->result = result;
	entry->message =
		correct_message(&entry->error, REAL(PQresultErrorMessage)(result));
	correct_own(c, &entry->error);
	correct_position(&entry->error, result);
	if (entry->message != NULL)
		add_entry(entry);
	else
		free_entry(entry);
}

OSPQ_EXPORT void
PQclear(PGresult *res)
{
	corrected **link;
	corrected *entry;

	ospq_need();
	if (any_corrected() && res != NULL)
	{
		(void) pthread_mutex_lock(&lock);
		link = find_link(res);
		entry = *link;
		if (entry != NULL)
		{
			*link = entry->next;
			(void) __atomic_sub_fetch(&corrected_count, 1, __ATOMIC_RELEASE);
		}
		(void) pthread_mutex_unlock(&lock);
		free_entry(entry);
	}
	REAL(PQclear)(res);
}

/* Finds the entry of a result. It stays valid, since the program holds the result. */
static const corrected *
find_entry(const PGresult *result)
{
	const corrected *entry;

	if (!any_corrected())
		return NULL;
	(void) pthread_mutex_lock(&lock);
	entry = *find_link(result);
	(void) pthread_mutex_unlock(&lock);
	return entry;
}

OSPQ_EXPORT char *
PQresultErrorMessage(const PGresult *res)
{
	const corrected *entry;

	ospq_need();
	entry = find_entry(res);
	return entry != NULL ? entry->message : REAL(PQresultErrorMessage)(res);
}

OSPQ_EXPORT char *
PQresultVerboseErrorMessage(const PGresult *res, PGVerbosity verbosity,
							PGContextVisibility show_context)
{
	const corrected *entry;
	char *corrected_text;
	char *text;

	ospq_need();
	text = REAL(PQresultVerboseErrorMessage)(res, verbosity, show_context);
	entry = text != NULL ? find_entry(res) : NULL;
	if (entry == NULL)
		corrected_text = NULL;
	else if (entry->error.text == NULL)
		corrected_text = strdup(entry->message);
	else
		corrected_text = correct_message(&entry->error, text);
	if (corrected_text == NULL)
		return text;
	REAL(PQfreemem)(text);
	return corrected_text;
}

/* --- the connection's message --------------------------------------------- */

/*
 * Makes room for a text of this length that PQerrorMessage returns, in the way
 * of libpq's buffer, which starts with 256 bytes; false: no memory.
 */
static bool
reserve_shown(ospq_conn *c, size_t len)
{
	size_t size = c->shown_size > 0 ? c->shown_size : SHOWN_FIRST;
	char *buffer;

	while (size <= len)
		size *= 2;
	if (size == c->shown_size)
		return true;
	buffer = realloc(c->shown_buffer, size);
	if (buffer == NULL)
		return false;
	c->shown_buffer = buffer;
	c->shown_size = size;
	return true;
}

void
ospq_forget_shown_error(ospq_conn *c)
{
	c->shown_buffer[0] = '\0';
	free(c->hidden_error);
	c->shown_error = c->hidden_error = NULL;
	(void) __atomic_sub_fetch(&shown_count, 1, __ATOMIC_RELEASE);
}

void
ospq_show_error(ospq_conn *c, char *instead_of, char *text)
{
	ospq_forget_error(c);
	if (instead_of == NULL || text == NULL || !reserve_shown(c, strlen(text)))
	{
		free(instead_of);
		free(text);
		return;
	}
	memcpy(c->shown_buffer, text, strlen(text) + 1);
	free(text);
	c->hidden_error = instead_of;
	c->shown_error = c->shown_buffer;
	(void) __atomic_add_fetch(&shown_count, 1, __ATOMIC_RELEASE);
}

/*
 * libpq has appended to its own message since we corrected it, because a later
 * call failed without an answer of the server. Appends the same text to our
 * corrected message. False: no memory.
 */
static bool
add_to_shown(ospq_conn *c, const char *own)
{
	const char *added = own + strlen(c->hidden_error);
	size_t len = strlen(c->shown_error);
	char *hidden = strdup(own);

	if (hidden == NULL || !reserve_shown(c, len + strlen(added)))
	{
		free(hidden);
		return false;
	}
	memcpy(c->shown_buffer + len, added, strlen(added) + 1);
	free(c->hidden_error);
	c->hidden_error = hidden;
	c->shown_error = c->shown_buffer;
	return true;
}

char *
ospq_error_message(const PGconn *conn)
{
	char *own = REAL(PQerrorMessage)(conn);
	ospq_conn *c;
	size_t len;

	if (OSP_LIKELY(__atomic_load_n(&shown_count, __ATOMIC_ACQUIRE) == 0))
		return own;
	c = ospq_conn_find(conn);
	if (c == NULL || c->shown_error == NULL)
		return own;
	len = strlen(c->hidden_error);
	if (strncmp(own, c->hidden_error, len) != 0 ||
		(own[len] != '\0' && !add_to_shown(c, own)))
		return own;
	return c->shown_error;
}

void
ospq_correct_made(const PGconn *conn, const PGresult *result)
{
	const char *shown;
	const char *copied;
	corrected *entry;

	if (OSP_LIKELY(__atomic_load_n(&shown_count, __ATOMIC_ACQUIRE) == 0) ||
		conn == NULL)
		return;
	shown = ospq_error_message(conn);
	copied = REAL(PQresultErrorMessage)(result);
	if (copied[0] == '\0' || strcmp(copied, shown) == 0)
		return;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL || (entry->message = strdup(shown)) == NULL)
	{
		free_entry(entry);
		return;
	}
	entry->result = result;
	add_entry(entry);
}

OSPQ_EXPORT char *
PQerrorMessage(const PGconn *conn)
{
	ospq_need();
	return ospq_error_message(conn);
}
