/* SPDX-License-Identifier: Apache-2.0
 *
 * mongodb_names.h
 *	  Host names for the tests of the mongodb driver, without a DNS server.
 */
#ifndef TEST_MONGODB_NAMES_H
#define TEST_MONGODB_NAMES_H

/* The name that has an SRV record after mongodb_names_set(). */
#define MONGODB_NAMES_SRV "cluster.shop.test"

#define MONGODB_NAMES_MAX 4

/* Makes the SRV record name these members, in this order: this machine, with these
 * ports. */
void mongodb_names_set(const int *ports, unsigned count);

#endif /* TEST_MONGODB_NAMES_H */
