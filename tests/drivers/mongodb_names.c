/* SPDX-License-Identifier: Apache-2.0
 *
 * mongodb_names.c
 *	  Host names for the tests of the mongodb driver, without a DNS server.
 *
 * This file defines functions with the names of those of the C library that libmongoc
 * calls. The dynamic linker prefers a program's functions to those of libraries.
 */
#include "mongodb_names.h"

#include <arpa/nameser.h>
#include <dlfcn.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

#define DOMAIN  ".shop.test"
#define SERVICE "_mongodb._tcp." MONGODB_NAMES_SRV

/* Makes a function visible to libraries; all others are hidden. */
#define EXPORTED __attribute__((visibility("default")))

/* A compressed name in an answer, which refers to the name in the question. */
#define POINTER_TO_QUESTION 0xC00C

static int members[MONGODB_NAMES_MAX];
static unsigned member_count;

void
mongodb_names_set(const int *ports, unsigned count)
{
	for (member_count = 0; member_count < count; member_count++)
		members[member_count] = ports[member_count];
}

static unsigned char *
put16(unsigned char *at, unsigned value)
{
	*at++ = (unsigned char) (value >> 8);
	*at++ = (unsigned char) value;
	return at;
}

/* Writes a name such as "a.b" in the form of DNS: each part after its length. */
static unsigned char *
put_name(unsigned char *at, const char *name)
{
	for (; *name != '\0'; name += name[0] == '.')
	{
		size_t len = strcspn(name, ".");

		*at++ = (unsigned char) len;
		memcpy(at, name, len);
		at += len;
		name += len;
	}
	*at++ = 0;
	return at;
}

/* Appends the record of a member, whose name is "m0.shop.test". */
static unsigned char *
put_member(unsigned char *at, unsigned number)
{
	unsigned char *length;
	char name[32];

	(void) snprintf(name, sizeof(name), "m%u" DOMAIN, number);
	at = put16(at, POINTER_TO_QUESTION);
	at = put16(at, ns_t_srv);
	at = put16(at, ns_c_in);
	at = put16(put16(at, 0), 60); /* seconds that it is valid */
	length = at;
	at = put16(at + 2, 0);  /* priority */
	at = put16(at, number); /* weight */
	at = put16(at, (unsigned) members[number]);
	at = put_name(at, name);
	(void) put16(length, (unsigned) (at - length - 2));
	return at;
}

/* Answers the question for the SRV record; there is no other record. The answer fits
 * into any buffer. */
EXPORTED int
res_nsearch(res_state state, const char *name, int class, int type,
			unsigned char *answer, int size)
{
	unsigned char *at = answer;
	unsigned i;

	(void) state;
	if (type != ns_t_srv || strcmp(name, SERVICE) != 0 || size < NS_PACKETSZ)
	{
		h_errno = NO_DATA;
		return -1;
	}
	at = put16(at, 0);
	at = put16(at, 0x8180); /* an answer without an error */
	at = put16(put16(at, 1), member_count);
	at = put16(put16(at, 0), 0);
	at = put_name(at, name);
	at = put16(put16(at, (unsigned) type), (unsigned) class);
	for (i = 0; i < member_count; i++)
		at = put_member(at, i);
	return (int) (at - answer);
}

/* Resolves the names of the members to this machine. */
EXPORTED int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
			struct addrinfo **found)
{
	static int (*next)(const char *,
					   const char *,
					   const struct addrinfo *,
					   struct addrinfo **);
	const char *domain = host != NULL ? strstr(host, DOMAIN) : NULL;

	if (next == NULL)
		*(void **) &next = dlsym(RTLD_NEXT, "getaddrinfo");
	return next(domain != NULL ? "127.0.0.1" : host, service, hints, found);
}
