# SPDX-License-Identifier: Apache-2.0

# Keys: from a file, added and removed by a reload, and what if it is unreadable.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('keys');
my $keys = $node->basedir . '/keys';
$node->start;

my $reload = 'SELECT pg_reload_conf(); SELECT pg_sleep(0.2);';

# One session sees all of it.
my ($one, $two, $bad, $removed, $open, $gone, $again) =
  map { context($_) } qw(SECRET_KEY SECOND_KEY WRONG SECRET_KEY SECOND_KEY
  SECOND_KEY SECOND_KEY);
my $early = context('SECOND_KEY');

sub statement
{
	my ($context, $text) = @_;
	return set_context($context) . " SELECT '$text'; RESET ALL;\n";
}

$node->safe_psql('postgres',
	    statement($one, 'one')
	  . statement($bad, 'bad')
	  . statement($early, 'early')
	  . "\\! echo '# a comment' >> $keys\n\\! echo SECOND_KEY >> $keys\n$reload\n"
	  . statement($two, 'two')
	  . "\\! echo SECOND_KEY > $keys\n$reload\n"
	  . statement($removed, 'removed')
	  . "\\! chmod 644 $keys\n$reload\n"
	  . statement($open, 'open to others')
	  . statement($open, 'open to others')
	  . "\\! rm $keys\n$reload\n"
	  . statement($gone, 'gone')
	  . statement($gone, 'gone')
	  . "\\! umask 077; echo SECOND_KEY > $keys\n$reload\n"
	  . statement($again, 'again'));

is_deeply(shape(wait_for_points($node, $one, 2)), [q(SELECT 'one')],
	'a key of the file');
is_deeply(shape(points($node, $bad)), [], 'another key');
is_deeply(shape(points($node, $early)), [], 'a key that is not there yet');
is_deeply(shape(wait_for_points($node, $two, 2)), [q(SELECT 'two')],
	'a key added by a reload');
is_deeply(shape(points($node, $removed)), [], 'a key removed by a reload');
is_deeply(shape(points($node, $open)), [], 'a file that others can read');
is_deeply(shape(points($node, $gone)), [], 'no file');
is_deeply(shape(wait_for_points($node, $again, 2)), [q(SELECT 'again')],
	'a file that is there again');
is(count_in_log($node, 'osprofiler: no keys'),
	2, 'one line in the log for each thing that is wrong');

# Keys of the setting; those of the file are good too.
my $setting = context('THIRD_KEY');
$node->append_conf('postgresql.conf', "osprofiler.hmac_keys = 'X, THIRD_KEY'");
$node->reload;
sleep 1;
$node->safe_psql('postgres', statement($setting, 'setting'));
is_deeply(shape(wait_for_points($node, $setting, 2)),
	[q(SELECT 'setting')], 'a key of the setting');

# Turned off and on.
my ($off, $on) = (context('THIRD_KEY'), context('THIRD_KEY'));
$node->append_conf('postgresql.conf', 'osprofiler.enabled = off');
$node->reload;
sleep 1;
$node->safe_psql('postgres', statement($off, 'off'));
$node->append_conf('postgresql.conf', 'osprofiler.enabled = on');
$node->reload;
sleep 1;
$node->safe_psql('postgres', statement($on, 'on'));
is_deeply(shape(wait_for_points($node, $on, 2)), [q(SELECT 'on')], 'on');
is_deeply(shape(points($node, $off)), [], 'off');

# A restart; a relative path begins in the data directory.
my $restarted = context();
write_file($node->data_dir . '/relative', "SECRET_KEY\n", 0600);
$node->append_conf('postgresql.conf',
	"osprofiler.hmac_keys_file = 'relative'");
$node->restart;
$node->safe_psql('postgres', statement($restarted, 'restarted'));
is_deeply(shape(wait_for_points($node, $restarted, 2)),
	[q(SELECT 'restarted')], 'after a restart');

$node->stop;
done_testing();
