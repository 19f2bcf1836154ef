/* SPDX-License-Identifier: Apache-2.0
 *
 * web_library.c
 *	  Loading libmicrohttpd.
 */
#include "web/web_library.h"

#include "cli.h"

#include <dlfcn.h>

/* The file of the version whose headers the command was built with. */
#ifndef OSP_WEB_LIBRARY
#define OSP_WEB_LIBRARY "libmicrohttpd.so.12"
#endif

#define PLACE(name) {"MHD_" #name, offsetof(web_library, name)},

web_library web_mhd;

int
web_library_load(void)
{
	static const struct
	{
		const char *name;
		size_t offset;
	} functions[] = {WEB_FUNCTIONS(PLACE)};
	void *library = dlopen(OSP_WEB_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	size_t i;

	if (library == NULL)
		return cli_error(
			"the library " OSP_WEB_LIBRARY
			" is not installed (Debian's package libmicrohttpd12)");
	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
	{
		void *function = dlsym(library, functions[i].name);

		if (function == NULL)
			return cli_error(OSP_WEB_LIBRARY " has no function %s",
							 functions[i].name);
		memcpy((char *) &web_mhd + functions[i].offset,
			   &function,
			   sizeof(function));
	}
	return CLI_OK;
}
