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
 * What stands before "://", borrowed from text; empty if nothing does, or if it
 * is not made of letters, digits, "+", "-" and ".", a letter first.
 */
osp_str osp__uri_scheme(osp_str text);

/*
 * Does a connection string have one "@" at most before its path, or one for each host
 * where messaging:// and rabbit:// have logins of their own? Of several, libraries take
 * different ones for the end of the login, so that a part of the password would become
 * the name of a host.
 */
bool osp__uri_has_one_login(osp_str text);

/*
 * Takes the first NAME=VALUE of a query, whose options are separated by "&", out
 * of it. Both are borrowed from the query, as they stand there; a VALUE that is
 * missing is empty. False: there is none any more.
 */
bool osp__uri_option(osp_str *query, osp_str *name, osp_str *value);

/* Percent-decodes a text in its place, terminated: it must be one that
 * osp_uri_parse() left in its storage, or a part of one. */
osp_str osp__uri_decode(osp_str text);

#endif /* OSPROFILER_URI_H */
