# SPDX-License-Identifier: Apache-2.0

# The table of settings in docs/postgresql.md, of which osprofiler-settings(5) is made:
# each setting of a server is there, with its default and with who may change it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Defaults that are said in words, or that depend on the installation.
my %in_words = map { ("osprofiler.$_" => 1) } qw(run_directory agent);
my %who = (sighup => qr/^reload$/, superuser => qr/^superuser$/, user => qr/^(user|anybody)$/);
my %units = (kB => { kB => 1, MB => 1024 }, MB => { MB => 1 }, ms => { '' => 1, ms => 1, s => 1000 }, B => { '' => 1 });

my %row;
for (split /\n/, slurp_file("$FindBin::RealBin/../../../docs/postgresql.md") =~ /^\| setting \|.*?\n\n/ms ? $& : '')
{
	my (undef, $names, $default, $who) = split / *\| */;
	$row{$_} = [$default, $who] for ($names // '') =~ /`(osprofiler\.\w+)`/g;
}

# A default of the page in the unit of the setting.
sub in_unit
{
	my ($text, $unit) = @_;
	my ($number, $its) = $text =~ /^(-?\d+)(\w*)$/;

	return $text =~ s/^`(.*)`$/$1/r if $unit eq '' || !defined $number;
	return $number * ($units{$unit}{$its} // die "no unit $its for $unit");
}

my $node = new_node('settings');
$node->start;
my @settings = map { [split /\|/, $_, -1] } split /\n/, $node->safe_psql('postgres',
	q{SELECT name, boot_val, coalesce(unit, ''), context FROM pg_settings WHERE name LIKE 'osprofiler.%'});
cmp_ok(scalar @settings, '>', 25, 'there are settings');

# PostgreSQL lists no secrets.
is(join(' ', sort keys %row), join(' ', sort qw(osprofiler.hmac_keys osprofiler.connection_string), map { $_->[0] } @settings),
	'the page has each of them, and no other');
for (@settings)
{
	my ($name, $default, $unit, $context) = @$_;
	my ($said, $may) = @{ $row{$name} // ['', ''] };

	like($may, $who{$context}, "$name: who may change it");
	is($in_words{$name} ? $said ne '' : in_unit($said, $unit), $in_words{$name} ? 1 : $default, "$name: its default");
}

$node->stop;
done_testing();
