/* SPDX-License-Identifier: Apache-2.0
 *
 * key_reload.c
 *	  The HMAC keys of the settings and of the keys file.
 *
 * The keys are read when the first context comes, and again after each reload
 * of the configuration: PostgreSQL notes the time of each reload in every
 * backend (PgReloadTime), so no signal is needed. If the file is unreadable, or
 * open to others, there are no keys, and no signed context is accepted until
 * the next reload, because half of the keys would make the mistake hard to
 * notice. Sampling needs no keys.
 */
#include "pgosp.h"

#include "utils/timestamp.h"

static osp_keyring *keyring = NULL;
uint64 pgosp_keyring_serial = 1;
static bool settings_changed = true;
static TimestampTz read_at = 0;
static osp_error trouble = {OSP_OK, ""};
static bool trouble_told = false;

void
pgosp_keys_changed(void)
{
	settings_changed = true;
	pgosp_disarm();
}

static osp_status
add_file(osp_keyring *ring, osp_error *err)
{
	char path[MAXPGPATH];

	if (pgosp_hmac_keys_file[0] == '\0')
		return OSP_OK;
	pgosp_file_of_setting(pgosp_hmac_keys_file, path);
	return osp_keyring_add_file(ring, path, err);
}

static void
read_keys(void)
{
	osp_keyring *ring = NULL;
	osp_status status;

	trouble.code = OSP_OK;
	trouble_told = false;
	status = osp_keyring_new(
		&osp_allocator_default, osp_str_of(pgosp_hmac_keys), &ring, &trouble);
	if (status == OSP_OK)
		status = add_file(ring, &trouble);
	if (status != OSP_OK)
	{
		osp_keyring_free(ring);
		ring = NULL;
	}
	osp_keyring_free(keyring);
	keyring = ring;
	trouble.code = status;
	pgosp_keyring_serial++;
	pgosp_disarm();
}

static void
tell_trouble(void)
{
	uint64 sessions;

	if (trouble.code == OSP_OK || trouble_told || pgosp_reporting)
		return;
	trouble_told = true;
	sessions = pgosp_line_add(PGOSP_LINE_NO_KEYS, trouble.msg);
	if (sessions > 0)
		pgosp_log(
			errmsg("osprofiler: no keys, no signed context is accepted: %s",
				   trouble.msg),
			pgosp_line_detail(sessions),
			errhint("After correcting it, reload the configuration. Sampling "
					"needs no keys."));
}

osp_keyring *
pgosp_keyring(const char **reason)
{
	if (settings_changed || read_at != PgReloadTime)
	{
		settings_changed = false;
		read_at = PgReloadTime;
		read_keys();
	}
	tell_trouble();
	if (reason != NULL)
		*reason = trouble.code != OSP_OK ? trouble.msg : NULL;
	return keyring;
}
