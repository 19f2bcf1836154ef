/* SPDX-License-Identifier: Apache-2.0
 *
 * test_hmac.c
 *	  HMAC-SHA1: known codes, and a comparison with OpenSSL's HMAC for each length.
 */
#include "tap.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "context/hmac.h"

/* Longer than one block of SHA-1, because a longer key is hashed first. */
#define KEY_MAX  150
#define TEXT_MAX 300

static void
assert_mac(osp_str key, osp_str text, const unsigned char *want)
{
	unsigned char mac[OSP_SHA1_LEN];
	osp__hmac *hmac = osp__hmac_new(key);
	int again;

	assert_non_null(hmac);

	/* Signing does not change the key. */
	for (again = 0; again < 2; again++)
	{
		memset(mac, 0, sizeof(mac));
		assert_true(osp__hmac_sign(hmac, text, mac));
		assert_memory_equal(mac, want, sizeof(mac));
	}
	osp__hmac_free(hmac);
}

/* Codes of RFC 2202, section 3: test cases 2, 3 and 6. */
static void
test_known(void **state)
{
	static const unsigned char jefe[] =
		"\xef\xfc\xdf\x6a\xe5\xeb\x2f\xa2\xd2\x74\x16\xd5\xf1\x84\xdf\x9c\x25"
		"\x9a\x7c\x79";
	static const unsigned char bytes[] =
		"\x12\x5d\x73\x42\xb9\xac\x11\xcd\x91\xa3\x9a\xf4\x8a\xa1\x7b\x4f\x63"
		"\xf1\x75\xd3";
	static const unsigned char large[] =
		"\xaa\x4a\xe5\xe1\x52\x72\xd0\x0e\x95\x70\x56\x37\xce\x8a\x3b\x55\xed"
		"\x40\x21\x12";
	char key[80];
	char text[50];

	(void) state;
	assert_mac(OSP_STR("Jefe"), OSP_STR("what do ya want for nothing?"), jefe);
	memset(key, 0xaa, sizeof(key));
	memset(text, 0xdd, sizeof(text));
	assert_mac(osp_str_n(key, 20), osp_str_n(text, sizeof(text)), bytes);
	assert_mac(
		osp_str_n(key, sizeof(key)),
		OSP_STR("Test Using Larger Than Block-Size Key - Hash Key First"),
		large);
}

static void
test_every_length(void **state)
{
	char key[KEY_MAX];
	char text[TEXT_MAX];
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(key); i++)
		key[i] = (char) (i * 7 + 1);
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char) (i * 11 + 3);
	for (i = 0; i <= TEXT_MAX; i++)
	{
		osp_str some_key = osp_str_n(key, i % (KEY_MAX + 1));
		osp_str some_text = osp_str_n(text, TEXT_MAX - i);
		unsigned char want[EVP_MAX_MD_SIZE];
		unsigned int len = 0;

		assert_non_null(HMAC(EVP_sha1(),
							 some_key.ptr,
							 (int) some_key.len,
							 (const unsigned char *) some_text.ptr,
							 some_text.len,
							 want,
							 &len));
		assert_int_equal(len, OSP_SHA1_LEN);
		assert_mac(some_key, some_text, want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
