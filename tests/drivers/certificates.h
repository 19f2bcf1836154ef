/* SPDX-License-Identifier: Apache-2.0
 *
 * certificates.h
 *	  Certificates for servers of the tests' own.
 */
#ifndef TEST_CERTIFICATES_H
#define TEST_CERTIFICATES_H

/* Makes in dir: ca.pem; server.pem and server.key, for 127.0.0.1, signed by it;
 * other.pem, which nobody trusts. Asserts that it works. */
void certificates_make(const char *dir);

#endif /* TEST_CERTIFICATES_H */
