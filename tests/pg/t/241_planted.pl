# SPDX-License-Identifier: Apache-2.0
#
# 241_planted.pl
#	  A database that belongs to somebody else: no command of ours executes a function
#	  of his with the rights of whoever reads a trace there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';
my $node = new_node('planted');
$node->start;
$node->safe_psql('postgres',
	'CREATE ROLE mallory LOGIN; CREATE DATABASE bare OWNER mallory;'
	  . 'CREATE DATABASE full_ OWNER mallory; CREATE DATABASE before OWNER mallory;');

# What mallory makes writes down who called it. He owns a table that anybody may fill.
sub as_mallory
{
	my ($database, $sql) = @_;
	$node->safe_psql($database, $sql, extra_params => [ '-U', 'mallory' ]);
}

my $table = 'CREATE TABLE public.called (who name, what text);'
  . 'GRANT ALL ON public.called TO public;';
sub planted
{
	my ($name, $args, $returns, $value) = @_;
	return "CREATE FUNCTION $name($args) RETURNS $returns LANGUAGE plpgsql AS \$f\$BEGIN"
	  . " INSERT INTO public.called VALUES (session_user, '$name'); RETURN $value; END\$f\$;";
}

# Functions and views of the names that are called, without the extension.
my $functions = 'GRANT ALL ON SCHEMA osprofiler TO public;'
  . planted('osprofiler.challenge', '', 'text', q{'abc'})
  . planted('osprofiler.notifications', 'base_id text, i text DEFAULT NULL, h text DEFAULT NULL', 'text', q{'{}'})
  . planted('osprofiler.traces', 'a text, b text, c text, d text', 'text', q{'{}'})
  . planted('osprofiler.context', '', 'text', q{'accepted'})
  . planted('osprofiler.seen', '', 'int', 1)
  . 'CREATE VIEW osprofiler.stat AS SELECT osprofiler.seen() AS shipper_pid;';
as_mallory('bare', "$table CREATE SCHEMA osprofiler; $functions");

# The extension in a schema that he made before.
as_mallory('before', "$table CREATE SCHEMA osprofiler; GRANT ALL ON SCHEMA osprofiler TO public");
$node->safe_psql('before', 'CREATE EXTENSION osprofiler');
as_mallory('before', planted('osprofiler.notifications', 'a varchar, b varchar, c varchar', 'text', q{'{}'}));

# The extension as it should be, and a search path of his.
$node->safe_psql('full_', 'CREATE EXTENSION osprofiler');
as_mallory('full_', "$table CREATE SCHEMA e; GRANT USAGE ON SCHEMA e TO public;"
	  . planted('e.to_regprocedure', 'text', 'regprocedure', 'pg_catalog.to_regprocedure($1)')
	  . planted('e.current_setting', 'text', 'text', 'pg_catalog.current_setting($1)')
	  . planted('e.current_database', '', 'name', 'pg_catalog.current_database()')
	  . planted('e.pg_reload_conf', '', 'bool', 'true')
	  . planted('e.same', 'text, text', 'bool', '$1 OPERATOR(pg_catalog.=) $2')
	  . planted('e.named', 'name, text', 'bool', '$1 OPERATOR(pg_catalog.=) $2')
	  . planted('e.like_', 'text, text', 'bool', '$1 OPERATOR(pg_catalog.~) $2')
	  . planted('e.joined', 'text, text', 'text', '$1 OPERATOR(pg_catalog.||) $2')
	  . 'CREATE OPERATOR e.= (LEFTARG = text, RIGHTARG = text, FUNCTION = e.same);'
	  . 'CREATE OPERATOR e.= (LEFTARG = name, RIGHTARG = text, FUNCTION = e.named);'
	  . 'CREATE OPERATOR e.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = e.like_);'
	  . 'CREATE OPERATOR e.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = e.joined);'
	  . 'ALTER DATABASE full_ SET search_path = e, pg_catalog');

# A command that should see what is planted does, if it is called as psql calls it.
is($node->safe_psql('full_', q{SELECT 'a'::text = 'a'::text; SELECT count(*) > 0 FROM public.called}),
	"t\nt", 'what is planted is called by who does not look');
$node->safe_psql('full_', 'DELETE FROM public.called');

$ENV{OSPROFILER_RUN_DIR} = $node->basedir . '/client-run';
$ENV{OSPROFILER_CONNECTION_STRING} = 'sqlite:///' . $node->basedir . '/client.db';
foreach my $database (qw(bare before full_))
{
	my $connstr = $node->connstr($database);
	my $id = '11111111-2222-4333-8444-555555555555';

	foreach my $command (
		"run -q -- psql -Xqc 'SELECT 1' -d \"$connstr\"",
		"trace show --no-wait --server \"$connstr\" $id",
		"trace show --no-wait --server \"$connstr\" 11111111",
		"trace explain --no-wait --server \"$connstr\" last",
		"trace list --server \"$connstr\"",
		"status --server \"$connstr\"",
		"doctor \"$connstr\"",
		"doctor --unfix \"$connstr\"")
	{
		my $out = qx($agent $command 2>&1);
		my ($name) = $command =~ /^(\w+(?: \w+)?(?: --unfix)?)/;

		is($node->safe_psql($database, q{SELECT string_agg(who || ' ' || what, ', ') FROM public.called},
				extra_params => [ '-v', 'ON_ERROR_STOP=1' ], on_error_stop => 1) , '', "$database: $name");
		like($out, qr/belongs to somebody who is no superuser/, "$database: $name says why")
		  if $database eq 'before' && $name !~ /run|unfix/;
	}
}

# What --fix types there, as a superuser: a table and a type of its names are planted.
{
	my $connstr = $node->connstr('full_');
	my $keys = $node->basedir . '/keys';
	my $mine = $node->basedir . '/mine';

	write_file($keys, "SERVER_KEY\n", 0600);
	write_file($mine, "CLIENT_KEY\n", 0600);
	$node->append_conf('postgresql.conf', "osprofiler.hmac_keys = ''\nosprofiler.hmac_keys_file = '$keys'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.hmac_keys_file') = '$keys'");
	as_mallory('full_', planted('e.checked', '', 'bool', 'true') . planted('e.filled', '', 'trigger', 'NEW')
		  . 'CREATE TABLE e.osprofiler_keys (line pg_catalog.text); GRANT ALL ON e.osprofiler_keys TO public;'
		  . 'CREATE TRIGGER t BEFORE INSERT ON e.osprofiler_keys FOR EACH ROW EXECUTE FUNCTION e.filled();'
		  . 'CREATE DOMAIN e.text AS pg_catalog.text CHECK (e.checked())');
	my $out = qx(cd / && env -u OSPROFILER_HMAC_KEYS OSPROFILER_HMAC_KEYS_FILE=$mine $agent doctor --fix "$connstr" 2>&1);
	like($out, qr/^\$ psql .*osprofiler_keys/m, '--fix has typed what appends a key') or diag($out);
	like(slurp_file($keys), qr/^CLIENT_KEY$/m, '--fix: the server has the key');
	is($node->safe_psql('full_', q{SELECT pg_catalog.string_agg(who::pg_catalog.text || ' ' || what, ', ') FROM public.called}), '',
		'--fix: nothing that is planted was called');
}

# With nothing planted, the same commands do their work.
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');
like(qx($agent doctor "@{[$node->connstr('postgres')]}" 2>&1), qr/^good +extension /m, 'doctor, with the extension');

$node->stop;
done_testing();
