/* SPDX-License-Identifier: Apache-2.0
 *
 * ini.c
 *	  Reading ini files as oslo.config does.
 *
 * "[section]", "key = value" or "key: value"; lines that start with '#' or ';' are
 * comments. A line that starts with a blank or tab continues the value, with a newline
 * between, until an empty line or a comment. One pair of quotes round the first line of
 * a value is taken off. A dollar sign has no meaning: oslo.config's references to other
 * settings are not followed.
 */
#include "base/ini.h"

#include "base/strip.h"

typedef struct ini_reader
{
	const char *name;
	osp__ini_fn fn;
	void *ctx;
	osp_error *err;
	osp__ini_setting setting;
	char *value; /* setting.value while a setting is open */
	unsigned line;
} ini_reader;

static osp_status
set_error(const ini_reader *reader, const char *what)
{
	return osp_error_set(reader->err,
						 OSP_EINVAL,
						 "%s, line %u: %s",
						 reader->name,
						 reader->line,
						 what);
}

/* Hands over the open setting, if there is one. */
static osp_status
flush(ini_reader *reader)
{
	if (reader->value == NULL)
		return OSP_OK;
	reader->setting.value.ptr = reader->value;
	reader->value = NULL;
	return reader->fn(reader->ctx, &reader->setting, reader->err);
}

static osp_status
read_section(ini_reader *reader, osp_str line)
{
	if (line.ptr[line.len - 1] != ']')
		return set_error(reader, "a section must end with ]");
	if (line.len <= 2)
		return set_error(reader, "the section has no name");
	reader->setting.section = osp_str_n(line.ptr + 1, line.len - 2);
	return OSP_OK;
}

/* Opens the setting of a line, which lies at text in memory. */
static osp_status
read_setting(ini_reader *reader, osp_str line, char *text)
{
	size_t split = 0;
	osp_str value;

	while (split < line.len && line.ptr[split] != '=' && line.ptr[split] != ':')
		split++;
	if (split == line.len)
		return set_error(reader, "expected KEY = VALUE or [SECTION]");
	reader->setting.key = osp__strip(osp_str_n(line.ptr, split));
	if (reader->setting.key.len == 0)
		return set_error(reader, "there is no key before the value");
	value = osp__strip(osp_str_n(line.ptr + split + 1, line.len - split - 1));
	if (value.len > 0 && (value.ptr[0] == '"' || value.ptr[0] == '\'') &&
		value.ptr[0] == value.ptr[value.len - 1])
		value = value.len > 1 ? osp_str_n(value.ptr + 1, value.len - 2)
							  : OSP_STR("");
	/* An empty value gets the place behind the key, where continuation lines can
	 * follow. */
	reader->value =
		text + (value.len > 0 ? (size_t) (value.ptr - line.ptr) : split + 1);
	reader->setting.value.len = value.len;
	reader->setting.line = reader->line;
	return OSP_OK;
}

/* Moves a continuation line up to the end of the value that it continues. */
static osp_status
read_continuation(ini_reader *reader, osp_str line)
{
	osp_str more = osp__strip_left(line);
	char *end;

	if (reader->value == NULL)
		return set_error(reader, "a continuation line continues no setting");
	end = reader->value + reader->setting.value.len;
	*end = '\n';
	memmove(end + 1, more.ptr, more.len);
	reader->setting.value.len += 1 + more.len;
	return OSP_OK;
}

static osp_status
read_line(ini_reader *reader, char *text, size_t len)
{
	osp_str line = osp__strip_right(osp_str_n(text, len));
	osp_status status;

	if (memchr(text, '\0', len) != NULL)
		return set_error(reader, "the line holds a NUL byte");
	if (line.len > 0 && (text[0] == ' ' || text[0] == '\t'))
		return read_continuation(reader, line);
	status = flush(reader);
	if (status != OSP_OK || line.len == 0 || text[0] == '#' || text[0] == ';')
		return status;
	if (text[0] == '[')
		return read_section(reader, line);
	return read_setting(reader, line, text);
}

osp_status
osp__ini_read(char *text, size_t len, const char *name, osp__ini_fn fn,
			  void *ctx, osp_error *err)
{
	ini_reader reader = {.name = name, .fn = fn, .ctx = ctx, .err = err};
	char *end = text + len;

	reader.setting.section = OSP_STR("");
	while (text < end)
	{
		char *newline = memchr(text, '\n', (size_t) (end - text));
		char *stop = newline != NULL ? newline : end;
		osp_status status;

		reader.line++;
		status = read_line(&reader, text, (size_t) (stop - text));
		if (status != OSP_OK)
			return status;
		text = newline != NULL ? newline + 1 : end;
	}
	return flush(&reader);
}
