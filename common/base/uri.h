/* SPDX-License-Identifier: Apache-2.0
 *
 * uri.h
 *	  The scheme and the options of a connection string. Private to the project;
 *	  the rest is in osprofiler/driver.h.
 */
#ifndef OSPROFILER_URI_H
#define OSPROFILER_URI_H

#include "osprofiler/base.h"

/*
 * The scheme before "://", borrowed from text. Empty if there is none, or if it
 * is not made of letters, digits, "+", "-" and ".", beginning with a letter.
 */
osp_str osp__uri_scheme(osp_str text);

/*
 * Does a connection string have at most one "@" before its path, or one for each host
 * of messaging:// and rabbit://, whose hosts have their own logins? If there are more,
 * libraries disagree about which one ends the login, and a part of the password could
 * become a host's name.
 */
bool osp__uri_has_one_login(osp_str text);

/*
 * Takes the first NAME=VALUE out of a query, whose options are separated by "&". Name
 * and value are borrowed from the query, not decoded; a missing VALUE is empty. False:
 * no option is left.
 */
bool osp__uri_option(osp_str *query, osp_str *name, osp_str *value);

/* Percent-decodes a text in place, terminated. The text must be one that
 * osp_uri_parse() left in its storage, or a part of one. */
osp_str osp__uri_decode(osp_str text);

#endif /* OSPROFILER_URI_H */
