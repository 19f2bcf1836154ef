/* SPDX-License-Identifier: Apache-2.0
 *
 * certificates.h
 *	  Makes certificates for the servers that tests start.
 */
#ifndef TEST_CERTIFICATES_H
#define TEST_CERTIFICATES_H

/* Makes these files in dir: ca.pem, the authority; server.pem and server.key, for
 * 127.0.0.1, signed by the authority; other.pem, which no authority has signed that a
 * test trusts. Asserts that this works. */
void certificates_make(const char *dir);

#endif /* TEST_CERTIFICATES_H */
