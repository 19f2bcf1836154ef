/* SPDX-License-Identifier: Apache-2.0
 *
 * test_context.c
 *	  Signed contexts: upstream's vectors, accepted forms of JSON, key rotation, and
 *	  invalid input.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../third_party/yyjson/yyjson.h"
#include "osprofiler/json.h"
#include "sign_raw.h"

#define KEY     "SECRET_KEY"
#define BASE    "5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20"
#define PARENT  "0d2f4a5c-9b1e-4c3d-8e7f-112233445566"
#define VECTORS OSP_TEST_TOP "/tests/vectors/signed_context.json"

static osp_keyring *
make_ring(const char *keys)
{
	osp_error err = {OSP_OK, ""};
	osp_keyring *ring = NULL;

	assert_int_equal(
		osp_keyring_new(&osp_allocator_default, osp_str_of(keys), &ring, &err),
		OSP_OK);
	return ring;
}

static void
assert_id(const osp_id *id, osp_str expected)
{
	char storage[OSP_ID_MAX + 1];
	osp_str text = osp_id_text(id, storage);

	assert_int_equal(text.len, expected.len);
	assert_memory_equal(text.ptr, expected.ptr, expected.len);
}

/*
 * All vectors that are not accepted. Upstream accepts those marked as stricter; all
 * others it refuses, too.
 */
static const struct
{
	const char *name;
	bool stricter;
	osp_verdict verdict;
} refused[] = {
	{"empty-base", true, OSP_CTX_BAD_ID},
	{"int-base", true, OSP_CTX_BAD_ID},
	{"control-chars", true, OSP_CTX_BAD_ID},
	{"empty-key-signed", true, OSP_CTX_NO_KEYS},
	{"parent-only", false, OSP_CTX_BAD_MEMBERS},
	{"extra-key", false, OSP_CTX_BAD_MEMBERS},
	{"empty-dict", false, OSP_CTX_BAD_MEMBERS},
	{"multi-keys-none", false, OSP_CTX_BAD_SIGNATURE},
	{"no-keys", false, OSP_CTX_NO_KEYS},
	{"wrong-key", false, OSP_CTX_BAD_SIGNATURE},
	{"hmac-inner-space", false, OSP_CTX_BAD_SIGNATURE},
	{"hmac-uppercase", false, OSP_CTX_BAD_SIGNATURE},
	{"hmac-empty", false, OSP_CTX_UNSIGNED},
	{"hmac-blank", false, OSP_CTX_UNSIGNED},
	{"hmac-non-ascii", false, OSP_CTX_BAD_SIGNATURE},
	{"hmac-sha256", false, OSP_CTX_BAD_SIGNATURE},
	{"info-whitespace-around", false, OSP_CTX_BAD_SIGNATURE},
	{"info-truncated-keeps-hmac", false, OSP_CTX_BAD_SIGNATURE},
	{"info-empty", false, OSP_CTX_UNSIGNED},
	{"resigned-missing-padding", false, OSP_CTX_BAD_ENCODING},
	{"signed-pack-empty-key", false, OSP_CTX_UNSIGNED},
	{"resigned-truncated-base64", false, OSP_CTX_BAD_ENCODING},
	{"non-dict-list", false, OSP_CTX_BAD_MEMBERS},
	{"non-dict-string", false, OSP_CTX_BAD_MEMBERS},
	{"non-dict-number", false, OSP_CTX_BAD_MEMBERS},
	{"null", false, OSP_CTX_BAD_MEMBERS},
	{"not-json", false, OSP_CTX_BAD_ENCODING},
	{"invalid-utf8", false, OSP_CTX_BAD_ENCODING},
	{"json-trailing-garbage", false, OSP_CTX_BAD_ENCODING},
	{"non-ascii-info", false, OSP_CTX_BAD_ENCODING},
};

#define REFUSED (sizeof(refused) / sizeof(refused[0]))

/* The value of a text member; empty if it is missing or null. */
static osp_str
member(yyjson_val *object, const char *name)
{
	yyjson_val *value = yyjson_obj_get(object, name);

	return osp_str_n(yyjson_get_str(value), yyjson_get_len(value));
}

static osp_keyring *
ring_of_vector(yyjson_val *vector)
{
	char list[1024] = "";
	size_t used = 0;
	yyjson_val *key;
	size_t i;
	size_t count;

	yyjson_arr_foreach(yyjson_obj_get(vector, "keys"), i, count, key)
	{
		used += (size_t) snprintf(
			list + used, sizeof(list) - used, "%s,", yyjson_get_str(key));
		assert_in_range(used, 0, sizeof(list) - 1);
	}
	return make_ring(list);
}

static void
check_accepted(yyjson_val *vector, const osp_context *context)
{
	yyjson_val *result = yyjson_obj_get(vector, "result");
	yyjson_val *keys = yyjson_obj_get(vector, "keys");
	osp_str base = member(result, "base_id");
	osp_str parent = member(result, "parent_id");
	const char *key;

	assert_id(&context->base_id, base);
	assert_id(&context->parent_id, parent.len > 0 ? parent : base);
	key = yyjson_get_str(yyjson_arr_get(keys, context->key));
	assert_string_equal(key, member(result, "hmac_key").ptr);
}

static void
check_vector(yyjson_val *vector)
{
	const char *name = member(vector, "name").ptr;
	bool upstream = yyjson_get_bool(yyjson_obj_get(vector, "wsgi_valid"));
	osp_keyring *ring = ring_of_vector(vector);
	osp_verdict expected = OSP_CTX_ACCEPTED;
	osp_context context;
	osp_verdict verdict;
	size_t i;

	for (i = 0; i < REFUSED; i++)
	{
		if (strcmp(refused[i].name, name) != 0)
			continue;
		expected = refused[i].verdict;
		assert_int_equal(upstream, refused[i].stricter);
	}
	if (expected == OSP_CTX_ACCEPTED)
		assert_true(upstream);
	verdict = osp_context_verify(ring,
								 member(vector, "recv_trace_info"),
								 member(vector, "recv_hmac"),
								 &context);
	if (verdict != expected)
		print_error("%s: %s\n", name, osp_verdict_text(verdict));
	assert_int_equal(verdict, expected);
	if (verdict == OSP_CTX_ACCEPTED)
		check_accepted(vector, &context);
	osp_keyring_free(ring);
}

/*
 * Asserts that our signature of the vector's ids is upstream's, byte for byte.
 * False: we never write such a context, because ours always have a base and a
 * parent, and nothing else.
 */
static bool
check_signing(yyjson_val *vector)
{
	yyjson_val *data = yyjson_obj_get(vector, "data");
	osp_keyring *ring;
	osp_headers headers;
	osp_id base;
	osp_id parent;

	if (yyjson_obj_size(data) != 2 || member(vector, "hmac").len == 0 ||
		!osp_id_set(&base, member(data, "base_id")) ||
		!osp_id_set(&parent, member(data, "parent_id")))
		return false;
	ring = make_ring(member(vector, "key").ptr);
	assert_int_equal(osp_context_sign(ring, 0, &base, &parent, &headers),
					 OSP_OK);
	assert_string_equal(headers.trace_info, member(vector, "trace_info").ptr);
	assert_string_equal(headers.trace_hmac, member(vector, "hmac").ptr);
	assert_int_equal(headers.info_len, strlen(headers.trace_info));
	osp_keyring_free(ring);
	return true;
}

static void
test_vectors(void **state)
{
	yyjson_doc *doc = yyjson_read_file(VECTORS, 0, NULL, NULL);
	yyjson_val *vectors;
	yyjson_val *vector;
	size_t signed_count = 0;
	size_t i;
	size_t count;

	(void) state;
	assert_non_null(doc);
	vectors = yyjson_obj_get(yyjson_doc_get_root(doc), "vectors");
	assert_in_range(yyjson_arr_size(vectors), REFUSED + 10, 1000);
	yyjson_arr_foreach(vectors, i, count, vector)
	{
		check_vector(vector);
		signed_count += check_signing(vector);
	}
	assert_in_range(signed_count, 10, 1000);
	yyjson_doc_free(doc);
}

/* A signed JSON text, and the result of Python's json.loads and upstream's checks for
 * it. */
typedef struct json_case
{
	const char *json;
	size_t len; /* 0: the length of the string */
	osp_verdict verdict;
	const char *base;
	const char *parent;
} json_case;

#define OK(json, base, parent)                        \
	{                                                 \
		(json), 0, OSP_CTX_ACCEPTED, (base), (parent) \
	}
#define BAD(json, verdict)               \
	{                                    \
		(json), 0, (verdict), NULL, NULL \
	}
#define ENCODING(json) BAD(json, OSP_CTX_BAD_ENCODING)
#define BAD_ID(json)   BAD(json, OSP_CTX_BAD_ID)
#define MEMBERS(json)  BAD(json, OSP_CTX_BAD_MEMBERS)

static const json_case json_cases[] = {
	OK("{\"base_id\": \"a\", \"parent_id\": \"b\"}", "a", "b"),
	OK(" \t\r\n{ \"parent_id\" :\"b\",\n\"base_id\":\"a\" } \n", "a", "b"),
	OK("{\"base_id\": \"a\", \"parent_id\": null}", "a", "a"),
	OK("{\"base_id\": \"a\", \"parent_id\": \"\"}", "a", "a"),
	OK("{\"base_id\": \"a\", \"base_id\": \"b\"}", "b", "b"),
	OK("{\"base_id\": 1, \"base_id\": \"b\"}", "b", "b"),
	OK("{\"parent_id\": \"p\", \"base_id\": \"b\", \"parent_id\": null}", "b",
	   "b"),
	OK("{\"base_id\": \"a\", \"hmac_key\": \"whatever\"}", "a", "a"),
	OK("{\"base_id\": \"a\", \"hmac_key\": [1, {\"x\": NaN}, -Infinity]}", "a",
	   "a"),
	OK("{\"base_id\": \"a\", \"hmac_key\": Infinity}", "a", "a"),
	OK("{\"base_id\": \"a\", \"hmac_key\": -0.5e+300}", "a", "a"),
	OK("{\"base_id\": \"a\", \"hmac_key\": 1e999}", "a", "a"),
	OK("{\"base_id\": \"a\", \"hmac_key\": 123456789012345678901234567890}",
	   "a", "a"),
	OK("{\"base_id\": \"a\", \"hmac_key\": \"\\ud800\"}", "a", "a"),
	OK("{\"\\u0062ase_id\": \"\\u0061\\/\"}", "a/", "a/"),
	OK("{\"base_id\": \"\\uD83D\\uDE00\"}", "\xf0\x9f\x98\x80", "😀"),
	OK("{\"base_id\": \"\xf0\x9f\x98\x80\"}", "😀", "😀"),
	OK("{\"base_id\": \"\\\\ud800\"}", "\\ud800", "\\ud800"),
	OK("{\"base_id\": \" a \"}", " a ", " a "),

	/* upstream accepts these, but cannot store them, or confuses them */
	BAD_ID("{\"base_id\": \"\\ud800\"}"),
	BAD_ID("{\"base_id\": \"\\udc00\\ud800\"}"),
	BAD_ID("{\"base_id\": \"\\ud800\\u0061\"}"),
	BAD_ID("{\"base_id\": \"a\", \"parent_id\": \"x\\udfff\"}"),
	BAD_ID("{\"base_id\": \"a\\u0000b\"}"),
	BAD_ID("{\"base_id\": \"\\u001f\"}"),
	BAD_ID("{\"base_id\": \"\x7f\"}"),
	BAD_ID("{\"base_id\": \"\\u0085\"}"),
	BAD_ID("{\"base_id\": \"\\u009f\"}"),
	BAD_ID("{\"base_id\": null}"),
	BAD_ID("{\"base_id\": NaN}"),
	BAD_ID("{\"base_id\": true}"),
	BAD_ID("{\"base_id\": [\"a\"]}"),
	BAD_ID("{\"base_id\": \"a\", \"base_id\": \"\"}"),
	BAD_ID("{\"base_id\": \"a\", \"parent_id\": 0}"),
	BAD_ID("{\"base_id\": \"a\", \"parent_id\": {}}"),

	MEMBERS("{\"base_id\": \"a\", \"\": 1}"),
	MEMBERS("{\"base_id\": \"a\", \"base_id\\u0000\": 1}"),
	MEMBERS("{\"Base_id\": \"a\"}"),
	MEMBERS("{\"parent_id\": \"a\"}"),
	MEMBERS("[]"),
	MEMBERS("NaN"),
	MEMBERS("false"),

	ENCODING("{\"base_id\": \"a\", \"hmac_key\": nan}"),
	ENCODING("{\"base_id\": \"a\", \"hmac_key\": -NaN}"),
	ENCODING("{\"base_id\": \"a\", \"hmac_key\": [[inf]]}"),
	ENCODING("{\"base_id\": \"a\", \"hmac_key\": {\"x\": infinity}}"),
	ENCODING("{\"base_id\": \"a\", \"hmac_key\": 01}"),
	ENCODING("{\"base_id\": \"a\", \"hmac_key\": 1.}"),
	ENCODING("{\"base_id\": \"a\", \"hmac_key\": +1}"),
	ENCODING("{\"base_id\": \"a\",}"),
	ENCODING("{\"base_id\": \"a\"} x"),
	ENCODING("{\"base_id\": \"a\"}{}"),
	ENCODING("{'base_id': 'a'}"),
	ENCODING("{\"base_id\": \"a"),
	ENCODING("{\"base_id\": \"a\nb\"}"),
	ENCODING("{\"base_id\": \"\\x61\"}"),
	ENCODING("{\"base_id\": \"\\u12g4\"}"),
	ENCODING("{\"base_id\": \"\\u00"),
	ENCODING("{\"base_id\": \"\\"),
	ENCODING("{\"base_id\": \"a\"} // comment"),
	ENCODING("\xef\xbb\xbf{\"base_id\": \"a\"}"),
	ENCODING("{\"base_id\": \"\xed\xa0\x80\"}"),
	ENCODING("{\"base_id\": \"\xc0\x80\"}"),
	ENCODING("{\"base_id\": \"\xf4\x90\x80\x80\"}"),
	{"{\"base_id\": \"a\"}\0", 17, OSP_CTX_BAD_ENCODING, NULL, NULL},
	{"{\"base_id\": \"a\0b\"}", 18, OSP_CTX_BAD_ENCODING, NULL, NULL},
};

static osp_verdict
verify_json(osp_keyring *ring, osp_str json, osp_context *out)
{
	static raw_context raw;

	sign_json(&raw, KEY, json);
	return osp_context_verify(
		ring, osp_str_of(raw.info), osp_str_of(raw.hmac), out);
}

static void
test_json(void **state)
{
	osp_keyring *ring = make_ring(KEY);
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(json_cases) / sizeof(json_cases[0]); i++)
	{
		const json_case *c = &json_cases[i];
		osp_context context;
		osp_verdict verdict;

		verdict = verify_json(
			ring,
			osp_str_n(c->json, c->len > 0 ? c->len : strlen(c->json)),
			&context);
		if (verdict != c->verdict)
			print_error("%s: %s\n", c->json, osp_verdict_name(verdict));
		assert_int_equal(verdict, c->verdict);
		if (verdict != OSP_CTX_ACCEPTED)
			continue;
		assert_id(&context.base_id, osp_str_of(c->base));
		assert_id(&context.parent_id, osp_str_of(c->parent));
	}
	osp_keyring_free(ring);
}

static osp_verdict
verify_nested(osp_keyring *ring, int depth)
{
	char json[OSP_TRACE_INFO_MAX];
	char *p = json;
	osp_context context;
	int i;

	p += snprintf(json, sizeof(json), "{\"base_id\": \"a\", \"hmac_key\": ");
	for (i = 0; i < depth; i++)
		*p++ = '[';
	for (i = 0; i < depth; i++)
		*p++ = ']';
	*p++ = '}';
	return verify_json(ring, osp_str_n(json, (size_t) (p - json)), &context);
}

static void
test_nesting(void **state)
{
	osp_keyring *ring = make_ring(KEY);

	(void) state;
	assert_int_equal(verify_nested(ring, OSP_JSON_DEPTH_MAX - 1),
					 OSP_CTX_ACCEPTED);
	assert_int_equal(verify_nested(ring, OSP_JSON_DEPTH_MAX),
					 OSP_CTX_BAD_ENCODING);
	assert_int_equal(verify_nested(ring, 1500), OSP_CTX_BAD_ENCODING);
	osp_keyring_free(ring);
}

/* Characters around the digits of base64 are handled as by urlsafe_b64decode. */
static void
test_base64(void **state)
{
	static const struct
	{
		const char *info;
		osp_verdict verdict;
	} cases[] = {
		{"eyJiYXNlX2lkIjogImEifQ==", OSP_CTX_ACCEPTED},
		{"eyJiYXNlX2lkIjogImEifQ===", OSP_CTX_ACCEPTED},
		{"eyJiYXNlX2lkIjogImEifQ==eyJi", OSP_CTX_ACCEPTED},
		{" eyJi\nYXNl.X2lkI!jogImEifQ=\r\n=", OSP_CTX_ACCEPTED},
		{"=eyJiYXNlX2lkIjogImEifQ==", OSP_CTX_ACCEPTED},
		{"eyJiYXNlX2lkIjogImEifQ=", OSP_CTX_BAD_ENCODING},
		{"eyJiYXNlX2lkIjogImEifQ", OSP_CTX_BAD_ENCODING},
		{"eyJiYXNlX2lkIjogImEif", OSP_CTX_BAD_ENCODING},
		{"eyJiYXNlX2lkIjogImEifQ==\xc3\xa9", OSP_CTX_BAD_ENCODING},
		{"eyJiYXNlX2lkIjogIj8+In0=", OSP_CTX_ACCEPTED}, /* "?>", with + */
		{"eyJiYXNlX2lkIjogIj8-In0=", OSP_CTX_ACCEPTED},
		{"eyJiYXNlX2lkIjogImE/In0=", OSP_CTX_ACCEPTED}, /* "a?", with / */
		{"eyJiYXNlX2lkIjogImE_In0=", OSP_CTX_ACCEPTED},
		{"====", OSP_CTX_BAD_ENCODING},
		{"....", OSP_CTX_BAD_ENCODING},
	};
	osp_keyring *ring = make_ring(KEY);
	static raw_context raw;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_str info = osp_str_of(cases[i].info);
		osp_context context;

		sign_text(&raw, KEY, info);
		assert_int_equal(
			osp_context_verify(ring, info, osp_str_of(raw.hmac), &context),
			cases[i].verdict);
	}
	osp_keyring_free(ring);
}

static void
test_id_lengths(void **state)
{
	osp_keyring *ring = make_ring(KEY);
	size_t len;

	(void) state;
	for (len = 1; len <= OSP_ID_MAX + 1; len++)
	{
		char id[OSP_ID_MAX + 2] = "";
		char json[2 * OSP_ID_MAX];
		osp_context context;
		osp_verdict verdict;

		memset(id, 'x', len);
		(void) snprintf(json, sizeof(json), "{\"base_id\": \"%s\"}", id);
		verdict = verify_json(ring, osp_str_of(json), &context);
		assert_int_equal(verdict,
						 len <= OSP_ID_MAX ? OSP_CTX_ACCEPTED : OSP_CTX_BAD_ID);
		if (verdict == OSP_CTX_ACCEPTED)
			assert_id(&context.base_id, osp_str_of(id));
	}
	osp_keyring_free(ring);
}

/* A context that was signed here is accepted, whatever its ids are, up to the longest
 * ones. */
static void
test_round_trip(void **state)
{
	static const char *const ids[] = {
		BASE, PARENT, "x", "\"\\/", "é", "😀😀", "a b", "0"};
	osp_keyring *ring = make_ring("k1,k2");
	char longest[OSP_ID_MAX + 1] = "";
	size_t i;

	(void) state;
	for (i = 0; i < OSP_ID_MAX / 2; i++)
		memcpy(longest + 2 * i, "é", 2);
	for (i = 0; i <= sizeof(ids) / sizeof(ids[0]); i++)
	{
		const char *id = i < sizeof(ids) / sizeof(ids[0]) ? ids[i] : longest;
		osp_headers headers;
		osp_context context;
		osp_id base;
		osp_id parent;

		assert_true(osp_id_set(&base, osp_str_of(id)));
		assert_true(osp_id_set(&parent, osp_str_of(longest)));
		assert_int_equal(
			osp_context_sign(ring, i % 2, &base, &parent, &headers), OSP_OK);
		assert_int_equal(
			osp_context_verify(ring,
							   osp_str_n(headers.trace_info, headers.info_len),
							   osp_str_of(headers.trace_hmac),
							   &context),
			OSP_CTX_ACCEPTED);
		assert_true(osp_id_eq(&context.base_id, &base));
		assert_true(osp_id_eq(&context.parent_id, &parent));
		assert_int_equal(context.key, i % 2);
	}
	osp_keyring_free(ring);
}

static void
test_sign_refuses(void **state)
{
	osp_keyring *ring = make_ring(KEY);
	osp_headers headers;
	osp_id none = {false, 0, ""};
	osp_id id;

	(void) state;
	assert_true(osp_id_set(&id, osp_str_of(BASE)));
	assert_int_equal(osp_context_sign(ring, 1, &id, &id, &headers), OSP_EINVAL);
	assert_int_equal(osp_context_sign(ring, 0, &none, &id, &headers),
					 OSP_EINVAL);
	assert_int_equal(osp_context_sign(ring, 0, &id, &none, &headers),
					 OSP_EINVAL);
	assert_int_equal(headers.info_len, 0);
	assert_string_equal(headers.trace_info, "");
	assert_string_equal(headers.trace_hmac, "");
	osp_keyring_free(ring);
}

/* The new key is added, then the old one is removed. */
static void
test_key_rotation(void **state)
{
	static const char json[] = "{\"base_id\": \"" BASE "\"}";
	static const struct
	{
		const char *keys;
		osp_verdict old_verdict;
		osp_verdict new_verdict;
		size_t old_key;
		size_t new_key;
	} steps[] = {
		{"old", OSP_CTX_ACCEPTED, OSP_CTX_BAD_SIGNATURE, 0, 0},
		{"old,new", OSP_CTX_ACCEPTED, OSP_CTX_ACCEPTED, 0, 1},
		{" new , old,", OSP_CTX_ACCEPTED, OSP_CTX_ACCEPTED, 1, 0},
		{"new", OSP_CTX_BAD_SIGNATURE, OSP_CTX_ACCEPTED, 0, 0},
	};
	static raw_context old_one;
	static raw_context new_one;
	size_t i;

	(void) state;
	sign_json(&old_one, "old", osp_str_of(json));
	sign_json(&new_one, "new", osp_str_of(json));
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		osp_keyring *ring = make_ring(steps[i].keys);
		osp_context context;

		context.key = 0;
		assert_int_equal(osp_context_verify(ring,
											osp_str_of(old_one.info),
											osp_str_of(old_one.hmac),
											&context),
						 steps[i].old_verdict);
		assert_int_equal(context.key, steps[i].old_key);
		context.key = 0;
		assert_int_equal(osp_context_verify(ring,
											osp_str_of(new_one.info),
											osp_str_of(new_one.hmac),
											&context),
						 steps[i].new_verdict);
		assert_int_equal(context.key, steps[i].new_key);
		osp_keyring_free(ring);
	}
}

static void
test_too_long(void **state)
{
	osp_keyring *ring = make_ring(KEY);
	char *big = malloc(64 * 1024);
	static raw_context raw;
	osp_context context;

	(void) state;
	assert_non_null(big);
	memset(big, 'A', 64 * 1024);
	sign_text(&raw, KEY, osp_str_n(big, 64 * 1024));
	assert_int_equal(
		osp_context_verify(
			ring, osp_str_n(big, 64 * 1024), osp_str_of(raw.hmac), &context),
		OSP_CTX_TOO_LONG);
	assert_int_equal(
		osp_context_verify(
			ring, osp_str_of("eyJi"), osp_str_n(big, 64 * 1024), &context),
		OSP_CTX_TOO_LONG);

	/* The longest text that is decoded. */
	sign_text(&raw, KEY, osp_str_n(big, OSP_TRACE_INFO_MAX));
	assert_int_equal(osp_context_verify(ring,
										osp_str_n(big, OSP_TRACE_INFO_MAX),
										osp_str_of(raw.hmac),
										&context),
					 OSP_CTX_BAD_ENCODING);
	assert_int_equal(osp_context_verify(ring,
										osp_str_n(big, OSP_TRACE_INFO_MAX + 1),
										osp_str_of(raw.hmac),
										&context),
					 OSP_CTX_TOO_LONG);
	free(big);

	/* A JSON text of the largest size, filled up with white space. */
	big = malloc(OSP_TRACE_INFO_MAX / 4 * 3);
	assert_non_null(big);
	memset(big, ' ', OSP_TRACE_INFO_MAX / 4 * 3);
	memcpy(big, "{\"base_id\":\"a\"}", 15);
	assert_int_equal(
		verify_json(ring, osp_str_n(big, OSP_TRACE_INFO_MAX / 4 * 3), &context),
		OSP_CTX_ACCEPTED);

	/* A JSON text with as many values as possible. */
	memset(big, '[', OSP_TRACE_INFO_MAX / 4 * 3);
	assert_int_equal(
		verify_json(ring, osp_str_n(big, OSP_TRACE_INFO_MAX / 4 * 3), &context),
		OSP_CTX_BAD_ENCODING);
	free(big);
	osp_keyring_free(ring);
}

static void
test_most_values(void **state)
{
	osp_keyring *ring = make_ring(KEY);
	char json[OSP_TRACE_INFO_MAX / 4 * 3];
	size_t len = (size_t) snprintf(
		json, sizeof(json), "{\"base_id\":\"a\",\"hmac_key\":[1");
	osp_context context;

	(void) state;
	while (len + 4 <= sizeof(json))
	{
		json[len++] = ',';
		json[len++] = '1';
	}
	json[len++] = ']';
	json[len++] = '}';
	assert_int_equal(verify_json(ring, osp_str_n(json, len), &context),
					 OSP_CTX_ACCEPTED);
	osp_keyring_free(ring);
}

static void
test_nothing_given(void **state)
{
	osp_keyring *ring = make_ring(KEY);
	osp_keyring *empty = make_ring(" , ");
	osp_context context;

	(void) state;
	assert_int_equal(
		osp_context_verify(ring, OSP_STR(""), OSP_STR(""), &context),
		OSP_CTX_NONE);
	assert_int_equal(
		osp_context_verify(empty, OSP_STR(""), OSP_STR(""), &context),
		OSP_CTX_NONE);
	assert_int_equal(
		osp_context_verify(empty, OSP_STR("e30="), OSP_STR("00"), &context),
		OSP_CTX_NO_KEYS);
	assert_int_equal(
		osp_context_verify(ring, OSP_STR("e30="), OSP_STR(""), &context),
		OSP_CTX_UNSIGNED);
	assert_int_equal(
		osp_context_verify(
			ring, OSP_STR("e30="), OSP_STR(" \xc2\xa0\t"), &context),
		OSP_CTX_UNSIGNED);
	osp_keyring_free(ring);
	osp_keyring_free(empty);
}

/* The signature may be surrounded by all white space that Python's str.strip()
 * removes. */
static void
test_stripped_hmac(void **state)
{
	static const char *const spaces[] = {" ",
										 "\t",
										 "\n",
										 "\v",
										 "\f",
										 "\r",
										 "\x1c",
										 "\x1d",
										 "\x1e",
										 "\x1f",
										 "\xc2\x85",
										 "\xc2\xa0",
										 "\xe1\x9a\x80",
										 "\xe2\x80\x80",
										 "\xe2\x80\x8a",
										 "\xe2\x80\xa8",
										 "\xe2\x80\xa9",
										 "\xe2\x80\xaf",
										 "\xe2\x81\x9f",
										 "\xe3\x80\x80"};
	static const char *const others[] = {
		"\x1b", "\x7f", "\xe2\x80\x8b", "\xef\xbb\xbf", "\xa0", "\xc2", "0"};
	osp_keyring *ring = make_ring(KEY);
	static raw_context raw;
	osp_context context;
	char hmac[128];
	size_t i;

	(void) state;
	sign_json(&raw, KEY, OSP_STR("{\"base_id\": \"a\"}"));
	for (i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
	{
		(void) snprintf(
			hmac, sizeof(hmac), "%s%s%s ", spaces[i], raw.hmac, spaces[i]);
		assert_int_equal(
			osp_context_verify(
				ring, osp_str_of(raw.info), osp_str_of(hmac), &context),
			OSP_CTX_ACCEPTED);
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		(void) snprintf(hmac, sizeof(hmac), "%s%s", raw.hmac, others[i]);
		assert_int_equal(
			osp_context_verify(
				ring, osp_str_of(raw.info), osp_str_of(hmac), &context),
			OSP_CTX_BAD_SIGNATURE);
	}
	osp_keyring_free(ring);
}

/* A pseudo-random generator that returns the same numbers in each run. */
static unsigned
next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned) (*seed >> 33);
}

static void
mutate(char *text, size_t len, uint64_t *seed)
{
	unsigned changes = 1 + next_random(seed) % 3;

	while (changes-- > 0)
		text[next_random(seed) % len] = (char) next_random(seed);
}

/* A context that was changed in any way is refused, unless it is signed again. */
static void
test_mutations(void **state)
{
	static const char json[] =
		"{\"base_id\": \"\\u00e9" BASE "\", \"parent_id\": \"\\ud83d\\ude00\"}";
	osp_keyring *ring = make_ring("other," KEY);
	static raw_context raw;
	static raw_context changed;
	uint64_t seed = 1;
	int round;

	(void) state;
	sign_json(&raw, KEY, osp_str_of(json));
	for (round = 0; round < 20000; round++)
	{
		size_t len = strlen(raw.info);
		osp_context context;
		osp_verdict verdict;

		changed = raw;
		mutate(changed.info, len, &seed);
		if (memcmp(changed.info, raw.info, len) == 0)
			continue;
		assert_int_equal(osp_context_verify(ring,
											osp_str_n(changed.info, len),
											osp_str_of(raw.hmac),
											&context),
						 OSP_CTX_BAD_SIGNATURE);

		sign_text(&changed, KEY, osp_str_n(changed.info, len));
		verdict = osp_context_verify(ring,
									 osp_str_n(changed.info, len),
									 osp_str_of(changed.hmac),
									 &context);
		if (verdict == OSP_CTX_ACCEPTED)
		{
			assert_in_range(context.base_id.len, 1, OSP_ID_MAX);
			assert_in_range(context.parent_id.len, 1, OSP_ID_MAX);
			assert_int_equal(context.key, 1);
		}
		else
			assert_true(verdict == OSP_CTX_BAD_ENCODING ||
						verdict == OSP_CTX_BAD_MEMBERS ||
						verdict == OSP_CTX_BAD_ID);
	}
	for (round = 0; round < 5000; round++)
	{
		osp_context context;

		changed = raw;
		mutate(changed.hmac, OSP_HMAC_HEX_LEN, &seed);
		if (memcmp(changed.hmac, raw.hmac, OSP_HMAC_HEX_LEN) == 0)
			continue;
		assert_int_equal(
			osp_context_verify(ring,
							   osp_str_of(raw.info),
							   osp_str_n(changed.hmac, OSP_HMAC_HEX_LEN),
							   &context),
			OSP_CTX_BAD_SIGNATURE);
	}
	osp_keyring_free(ring);
}

static void
test_verdict_texts(void **state)
{
	int verdict;

	(void) state;
	for (verdict = 0; verdict < OSP_VERDICT_COUNT; verdict++)
	{
		assert_true(osp_verdict_name((osp_verdict) verdict)[0] != '\0');
		assert_true(osp_verdict_text((osp_verdict) verdict)[0] != '\0');
	}
	assert_string_equal(osp_verdict_name(OSP_CTX_ACCEPTED), "accepted");
	assert_string_equal(osp_verdict_name(OSP_CTX_BAD_ID), "bad_id");
	assert_string_equal(osp_verdict_name(OSP_VERDICT_COUNT), "unknown");
	assert_string_equal(osp_verdict_text((osp_verdict) 99), "unknown verdict");

	/* The status file has counters for all verdicts. */
	assert_in_range(OSP_VERDICT_COUNT, 1, 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_id_lengths),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_sign_refuses),
		cmocka_unit_test(test_key_rotation),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_most_values),
		cmocka_unit_test(test_nothing_given),
		cmocka_unit_test(test_stripped_hmac),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_verdict_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
