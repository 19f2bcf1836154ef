/* SPDX-License-Identifier: Apache-2.0
 *
 * mongodb_names.h
 *	  Names for the tests of the mongodb driver that no DNS server knows.
 */
#ifndef TEST_MONGODB_NAMES_H
#define TEST_MONGODB_NAMES_H

/* Has an SRV record, once mongodb_names_set() has made it. */
#define MONGODB_NAMES_SRV "cluster.shop.test"

#define MONGODB_NAMES_MAX 4

/* The members that the record names: this machine with these ports, in this order. */
void mongodb_names_set(const int *ports, unsigned count);

#endif /* TEST_MONGODB_NAMES_H */
