/* SPDX-License-Identifier: Apache-2.0
 *
 * http_target.h
 *	  Reads the connection string of a collector that is reached by HTTP, for
 *	  the drivers of such collectors: its address, the login, headers,
 *	  certificates.
 */
#ifndef OSP_HTTP_TARGET_H
#define OSP_HTTP_TARGET_H

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"

typedef struct osp_http_target osp_http_target;

/* The properties of one driver. */
typedef struct osp_http_kind
{
	const char *name;           /* the driver's name in messages */
	const char *const *schemes; /* NULL at the end; "+https" means TLS */
	const char *usage;          /* what a connection string looks like */
	unsigned port;              /* the default port */
	const char *content_type;   /* of each request */

	/*
	 * Handles an option that only this driver has. Its value is decoded and
	 * terminated. If there is no such option, the function returns
	 * osp__http_bad_string().
	 */
	osp_status (*option)(void *ctx, osp_http_target *target, osp_str name,
						 osp_str value, osp_error *err);
} osp_http_kind;

struct osp_http_target
{
	const osp_allocator *alc;
	const osp_http_kind *kind;
	char *where;     /* HOST:PORT, for messages */
	char *url;       /* http://HOST:PORT/PATH, the path as given */
	bool has_path;   /* the string has a path */
	char *login;     /* user:password, or NULL */
	char *ca;        /* file of the certificates to trust, NULL: the system's */
	osp_buf headers; /* each "Name: value" ends with a NUL */
	bool gzip;       /* compress bodies; the driver sets the default */
	bool environment_proxy;
};

/*
 * Reads scheme://[user:password@]host[:port][/path][?options], with the options
 * header, headers_file, ca, compression and proxy of docs/drivers.md, and the
 * file of headers. OSP_EINVAL: the string is wrong; OSP_ENOENT, OSP_EPERM,
 * OSP_EIO: about that file; OSP_ENOMEM. osp__http_target_term() must be called
 * in any case.
 */
osp_status osp__http_target_read(osp_http_target *target,
								 const osp_http_kind *kind,
								 const osp_allocator *alc,
								 osp_str connection_string, void *ctx,
								 osp_error *err) OSP_MUST_CHECK;
void osp__http_target_term(osp_http_target *target);

/*
 * Write to err what is wrong, and what a connection string looks like; or that
 * there is no memory. They return OSP_EINVAL and OSP_ENOMEM.
 */
osp_status osp__http_bad_string(const osp_http_target *target, const char *what,
								osp_error *err);
osp_status osp__http_no_memory(const osp_http_target *target, osp_error *err);

/* Splits Name:value. False: the name is not a token of HTTP. */
bool osp__http_divide(osp_str text, osp_str *name,
					  osp_str *value) OSP_MUST_CHECK;

/* Adds a header to every request. False: text is not Name:value. */
bool osp__http_add_header(osp_http_target *target, osp_str text) OSP_MUST_CHECK;

/* Returns text without white space at its ends. */
osp_str osp__http_trim(osp_str text);

#endif /* OSP_HTTP_TARGET_H */
