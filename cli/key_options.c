/* SPDX-License-Identifier: Apache-2.0
 *
 * key_options.c
 *	  The HMAC keys of the context commands.
 */
#include "key_options.h"
#include "cli.h"

#include "profiler/config.h"

osp_keyring *
cli_keys_open(const char *given)
{
	osp_error err = {OSP_OK, ""};
	osp_keyring *ring = NULL;
	osp_config config;
	osp_status status;

	if (osp_config_load(&config, &osp_allocator_default, NULL, &err) != OSP_OK)
	{
		cli_error("%s", err.msg);
		return NULL;
	}
	status = osp_config_need_keys(&config, &err);
	if (status == OSP_OK)
		status = osp_keyring_new(
			&osp_allocator_default,
			osp_str_of(given != NULL ? given : config.hmac_keys),
			&ring,
			&err);
	if (status == OSP_OK && given == NULL && config.hmac_keys_file[0] != '\0')
		status = osp_keyring_add_file(ring, config.hmac_keys_file, &err);
	osp_config_term(&config);
	if (status != OSP_OK)
	{
		cli_error("%s", err.msg);
		osp_keyring_free(ring);
		return NULL;
	}
	return ring;
}
