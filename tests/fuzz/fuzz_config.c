/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_config.c
 *	  Ini files and the values of settings.
 *
 * Properties: all texts that are read are in the file's memory. A setting that is
 * appended to a valid file is read as it was written. Sizes and booleans are parsed or
 * refused; the text does not change.
 */
#include "fuzz.h"

#include "base/ini.h"
#include "base/parse.h"
#include "profiler/config.h"

#define ADDED_SECTION "added"
#define ADDED_KEY     "some key"
#define ADDED_VALUE   "a = 'value' # of : ours"
#define ADDED         "\n[" ADDED_SECTION "]\n" ADDED_KEY " = " ADDED_VALUE "\n"

typedef struct reading
{
	const char *text;
	size_t len;
	size_t added; /* how often the appended setting was read */
	unsigned line;
} reading;

static void
check_inside(const reading *state, osp_str part)
{
	REQUIRE(part.len == 0 || (part.ptr >= state->text &&
							  part.ptr + part.len <= state->text + state->len));
	REQUIRE(memchr(part.ptr, '\0', part.len) == NULL);
}

static osp_status
note_setting(void *ctx, const osp__ini_setting *setting, osp_error *err)
{
	reading *state = ctx;
	uint64_t size;
	bool truth;

	(void) err;
	REQUIRE(setting->key.len > 0);
	REQUIRE(setting->line > state->line);
	state->line = setting->line;
	check_inside(state, setting->section);
	check_inside(state, setting->key);
	check_inside(state, setting->value);
	(void) !osp_parse_size(setting->value, &size);
	(void) !osp_parse_bool(setting->value, &truth);
	if (osp_str_eq(setting->section, OSP_STR(ADDED_SECTION)) &&
		osp_str_eq(setting->key, OSP_STR(ADDED_KEY)) &&
		osp_str_eq(setting->value, OSP_STR(ADDED_VALUE)))
		state->added++;
	return OSP_OK;
}

static osp_status
read_text(const char *bytes, size_t len, reading *state)
{
	char *copy = malloc(len > 0 ? len : 1);
	osp_error err = {OSP_OK, ""};
	osp_status status;

	REQUIRE(copy != NULL);
	memcpy(copy, bytes, len);
	memset(state, 0, sizeof(*state));
	state->text = copy;
	state->len = len;
	status = osp__ini_read(copy, len, "file", note_setting, state, &err);
	REQUIRE(status == OSP_OK || status == OSP_EINVAL);
	REQUIRE((status == OSP_OK) == (err.msg[0] == '\0'));
	free(copy);
	return status;
}

static void
check_numbers(osp_str text)
{
	char digits[64];
	uint64_t size = 0;
	uint64_t again = 0;

	if (!osp_parse_size(text, &size))
		return;
	(void) snprintf(digits, sizeof(digits), "%llu", (unsigned long long) size);
	REQUIRE(osp_parse_size(osp_str_of(digits), &again) && again == size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *longer = malloc(size + sizeof(ADDED));
	reading before;
	reading after;
	osp_status status;

	REQUIRE(longer != NULL);
	memcpy(longer, data, size);
	memcpy(longer + size, ADDED, sizeof(ADDED) - 1);
	check_numbers(osp_str_n(longer, size));
	status = read_text(longer, size, &before);
	REQUIRE(read_text(longer, size + sizeof(ADDED) - 1, &after) == status);
	if (status == OSP_OK)
		REQUIRE(after.added == before.added + 1);
	free(longer);
	return 0;
}
