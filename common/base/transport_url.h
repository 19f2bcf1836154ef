/* SPDX-License-Identifier: Apache-2.0
 *
 * transport_url.h
 *	  The brokers of OpenStack's message bus, which upstream names apart from the
 *	  connection string: messaging:// and rabbit://user:password@host/vhost.
 */
#ifndef OSPROFILER_TRANSPORT_URL_H
#define OSPROFILER_TRANSPORT_URL_H

#include "osprofiler/buf.h"

/*
 * Appends the connection string. If it is messaging:// without a host, the
 * hosts, path and options of the transport URL are added, unless that URL is
 * empty. OSP_EINVAL: the transport URL is of another kind.
 */
osp_status osp__transport_join(osp_buf *out, osp_str connection_string,
							   osp_str transport_url,
							   osp_error *err) OSP_MUST_CHECK;

#endif /* OSPROFILER_TRANSPORT_URL_H */
