/* SPDX-License-Identifier: Apache-2.0
 *
 * certificates.c
 *	  Makes certificates for the servers that tests start.
 */
#include "certificates.h"
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>

#define COMMAND                                                          \
	"cd '%s' && exec 2>/dev/null && "                                    \
	"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca "    \
	"-keyout ca.key -out ca.pem && "                                     \
	"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other " \
	"-keyout other.key -out other.pem && "                               \
	"openssl req -newkey rsa:2048 -nodes -subj /CN=broker "              \
	"-keyout server.key -out server.csr && "                             \
	"echo subjectAltName=IP:127.0.0.1 >san && "                          \
	"openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 " \
	"-CAcreateserial -extfile san -out server.pem"

void
certificates_make(const char *dir)
{
	char command[2048];

	(void) snprintf(command, sizeof(command), COMMAND, dir);
	assert_int_equal(system(command), 0);
}
