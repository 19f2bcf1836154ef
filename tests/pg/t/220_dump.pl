# SPDX-License-Identifier: Apache-2.0

# A dump of everything brings the extension and the settings of roles and
# databases back; who may call which function.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('dump');
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE fresh');

# All that belongs to the extension, with who may use it.
my $members = q{
SELECT pg_describe_object(d.classid, d.objid, d.objsubid),
	pg_get_functiondef(p.oid), p.proacl, obj_description(p.oid, 'pg_proc'),
	pg_get_viewdef(c.oid), c.relacl
FROM pg_depend d
	LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
	LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
		AND c.relkind = 'v'
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'osprofiler')
ORDER BY 1};
$node->safe_psql('fresh', 'CREATE EXTENSION osprofiler');
my $fresh = $node->safe_psql('fresh', $members);
isnt($fresh, '', 'it has members');
is( $node->safe_psql(
		'fresh',
		'SELECT default_version = installed_version FROM'
		  . " pg_available_extensions WHERE name = 'osprofiler'"),
	't',
	'which is the newest');

# Nobody but those who may read everything reads traces.
$node->safe_psql('fresh', 'CREATE ROLE nobody; CREATE ROLE reader');
$node->safe_psql('fresh', 'GRANT pg_monitor TO reader');
foreach my $function ('show(text, int)', 'points(text)', 'stat()')
{
	is( $node->safe_psql(
			'fresh',
			"SELECT has_function_privilege('nobody', p, 'execute'),"
			  . " has_function_privilege('reader', p, 'execute')"
			  . " FROM (VALUES ('osprofiler.$function')) AS f(p)"),
		'f|t',
		"who may call $function");
}

# Settings of roles and databases are in a dump, and come back from it.
$node->safe_psql('postgres', $_)
  for (
	"CREATE ROLE shop LOGIN",
	"ALTER ROLE shop SET osprofiler.service = 'the shop''s'",
	"ALTER ROLE shop SET osprofiler.points = 'statement, nested, plan'",
	"ALTER ROLE shop IN DATABASE fresh SET osprofiler.sample_rate = 0.5",
	"ALTER DATABASE fresh SET osprofiler.project = 'Größe'",
	"ALTER DATABASE fresh SET osprofiler.min_duration = '1s'");
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dumpall', '-f', $dump, '-p', $node->port ],
	'pg_dumpall');

my $settings = q{
SELECT coalesce(datname, '-'), coalesce(rolname, '-'), unnest(setconfig)
FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = setdatabase
	LEFT JOIN pg_roles r ON r.oid = setrole
ORDER BY 1, 2, 3};
my $restored = new_node('restored');
$restored->start;
$restored->command_ok(
	[ 'psql', '-X', '-q', '-d', 'postgres', '-p', $restored->port, '-f', $dump ],
	'the dump is restored');
is( $restored->safe_psql('postgres', $settings),
	$node->safe_psql('postgres', $settings),
	'with the settings');
is($restored->safe_psql('fresh', $members), $fresh, 'and the extension');
is( $restored->safe_psql(
		'fresh', 'SHOW osprofiler.service', extra_params => [ '-U', 'shop' ]),
	"the shop's",
	'which count');

$_->stop('fast') for $node, $restored;
done_testing();
