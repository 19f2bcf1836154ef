# SPDX-License-Identifier: Apache-2.0
#
# PgWire.pm
#	  A client that speaks PostgreSQL's protocol itself: what libpq never sends
#	  (portals in slices, a cancel or an end at any moment) can be sent, too.
#
# Messages are put together by parse, bind and so on and go out with the next
# call that reads. What comes back is a list of events, each a text or a list:
# ['row', VALUE...], ['done', TAG], ['error', SQLSTATE, MESSAGE], ['suspended'],
# ['copy_in'], ['copy_data', TEXT], ['end'] when the server hung up. Replies that
# every client ignores leave no event.

package PgWire;

use strict;
use warnings;

use Errno ();
use Exporter 'import';
use IO::Select;
use IO::Socket::UNIX;

our @EXPORT = qw(state_of);

# The SQLSTATE of the first error of some events, or "none".
sub state_of
{
	my ($state) = map { $_->[1] } grep { $_->[0] eq 'error' } @_;
	return $state // 'none';
}

# A server that says nothing for so long hangs; valgrind is slow.
my $timeout_s = $ENV{PGWIRE_TIMEOUT} // 120;

# $socket: path of the server's socket. %parameters: of the start-up message.
sub new
{
	my ($class, $socket, %parameters) = @_;
	my $self = bless { path => $socket, out => '', in => '', alive => 1 },
	  $class;
	my $body = pack 'N', 196608;

	$self->_open;
	$body .= "$_\0$parameters{$_}\0" for sort keys %parameters;
	$body .= "\0";
	$self->{out} = pack('N', length($body) + 4) . $body;
	my @events = $self->read_until_ready;
	my ($error) = grep { $_->[0] eq 'error' } @events;
	die "cannot connect: $error->[2]\n" if $error;
	return $self;
}

sub _open
{
	my ($self) = @_;

	# A signal, that a child has ended for instance, may interrupt us.
	do
	{
		$self->{socket} = IO::Socket::UNIX->new(Peer => $self->{path});
	} while (!$self->{socket} && $!{EINTR});
	die "$self->{path}: $!\n" if !$self->{socket};
	return;
}

sub alive { my ($self) = @_; return $self->{alive}; }
sub pid { my ($self) = @_; return $self->{pid}; }

# State of the transaction at the last ready: I, T or E.
sub state { my ($self) = @_; return $self->{state}; }

# Was a statement parsed since this was asked last?
sub parsed { my ($self) = @_; return delete $self->{parsed}; }

sub _put
{
	my ($self, $type, $body) = @_;

	$self->{out} .= $type . pack('N', length($body) + 4) . $body;
	return $self;
}

sub query { my ($self, $sql) = @_; return $self->_put('Q', "$sql\0"); }
sub sync { my ($self) = @_; return $self->_put('S', ''); }
sub flush_messages { my ($self) = @_; return $self->_put('H', ''); }

sub parse
{
	my ($self, $name, $sql) = @_;
	return $self->_put('P', "$name\0$sql\0" . pack('n', 0));
}

# All parameters as text, undef is NULL.
sub bind
{
	my ($self, $portal, $name, @values) = @_;
	my $body = "$portal\0$name\0" . pack('nn', 0, scalar @values);

	$body .= defined $_ ? pack('N', length $_) . $_ : pack('N', 0xffffffff)
	  for @values;
	return $self->_put('B', $body . pack('n', 0));
}

# $rows 0: all of them.
sub execute
{
	my ($self, $portal, $rows) = @_;
	return $self->_put('E', "$portal\0" . pack('N', $rows // 0));
}

sub close_portal
{
	my ($self, $portal) = @_;
	return $self->_put('C', "P$portal\0");
}

sub close_statement
{
	my ($self, $name) = @_;
	return $self->_put('C', "S$name\0");
}

sub copy_data { my ($self, $text) = @_; return $self->_put('d', $text); }
sub copy_done { my ($self) = @_; return $self->_put('c', ''); }
sub copy_fail { my ($self) = @_; return $self->_put('f', "no\0"); }

sub send
{
	my ($self) = @_;
	local $SIG{PIPE} = 'IGNORE';

	while (length $self->{out} && $self->{alive})
	{
		my $n = syswrite $self->{socket}, $self->{out};

		next if !defined $n && $!{EINTR};
		if (!defined $n)
		{
			# What the server said before it hung up is still to be read.
			$self->{out} = '';
			last;
		}
		substr $self->{out}, 0, $n, '';
	}
	return;
}

# Reads more of what the server says; false at its end.
sub _more
{
	my ($self) = @_;

	my $end = time + $timeout_s;
	my $n;

	while (!IO::Select->new($self->{socket})->can_read($end - time))
	{
		die "the server (pid $self->{pid}) says nothing for $timeout_s s\n" if time >= $end;
	}
	do
	{
		$n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
	} while (!defined $n && $!{EINTR});
	return $n ? 1 : 0;
}

# The next message as (type, body); nothing at the end of the connection.
sub _message
{
	my ($self) = @_;

	while (length $self->{in} < 5
		|| length $self->{in} < 1 + unpack('xN', $self->{in}))
	{
		return if !$self->_more;
	}
	my $length = unpack 'xN', $self->{in};
	my $type = substr $self->{in}, 0, 1;
	my $body = substr $self->{in}, 5, $length - 4;

	substr $self->{in}, 0, $length + 1, '';
	return ($type, $body);
}

sub _row
{
	my ($body) = @_;
	my $count = unpack 'n', $body;
	my $at = 2;
	my @values;

	for (1 .. $count)
	{
		my $length = unpack 'N', substr $body, $at, 4;

		$at += 4;
		if ($length == 0xffffffff)
		{
			push @values, undef;
			next;
		}
		push @values, substr $body, $at, $length;
		$at += $length;
	}
	return [ 'row', @values ];
}

sub _error
{
	my ($body) = @_;
	my %field = map { (substr($_, 0, 1) => substr($_, 1)) } split /\0/, $body;

	return [ 'error', $field{C}, $field{M} ];
}

# The event of a message, or nothing.
sub _event
{
	my ($self, $type, $body) = @_;

	return _row($body) if $type eq 'D';
	return [ 'done', unpack 'Z*', $body ] if $type eq 'C';
	return ['empty'] if $type eq 'I';
	return _error($body) if $type eq 'E';
	return ['suspended'] if $type eq 's';
	return ['copy_in'] if $type eq 'G';
	return [ 'copy_data', $body ] if $type eq 'd';
	$self->{parsed} = 1 if $type eq '1';
	($self->{pid}, $self->{secret}) = unpack 'NN', $body if $type eq 'K';
	return;
}

# Sends what is to be sent and reads until a message of one of the types came.
sub _read_until
{
	my ($self, $types) = @_;
	my @events;

	$self->send;
	while ($self->{alive})
	{
		my ($type, $body) = $self->_message;

		if (!defined $type)
		{
			$self->{alive} = 0;
			push @events, ['end'];
			last;
		}
		push @events, $self->_event($type, $body);
		$self->{state} = $body if $type eq 'Z';
		last if index($types, $type) >= 0;
	}
	return @events;
}

sub read_until_ready { my ($self) = @_; return $self->_read_until('Z'); }

# After a COPY FROM STDIN: until the server wants the data, or refuses.
sub read_until_copy { my ($self) = @_; return $self->_read_until('ZG'); }

# After flush_messages: until a statement ended or failed.
sub read_until_done { my ($self) = @_; return $self->_read_until('CEsI'); }

sub simple
{
	my ($self, $sql) = @_;

	$self->query($sql);
	return $self->read_until_ready;
}

# Prepares a statement, and runs it in the unnamed portal, as drivers do.
sub prepare
{
	my ($self, $name, $sql) = @_;

	return $self->parse($name, $sql)->sync->read_until_ready;
}

sub run_prepared
{
	my ($self, $name, @values) = @_;

	return $self->bind('', $name, @values)->execute('')->sync->read_until_ready;
}

sub forget_prepared
{
	my ($self, $name) = @_;

	return $self->close_statement($name)->sync->read_until_ready;
}

# Asks the server to cancel what this connection runs.
sub cancel
{
	my ($self) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $self->{path}) or return;

	syswrite $socket,
	  pack('NNNN', 16, 80877102, $self->{pid}, $self->{secret});
	sysread $socket, my $nothing, 1;
	close $socket;
	return;
}

# The same until something comes: one that is sent too early is lost.
sub cancel_until_heard
{
	my ($self) = @_;

	for (1 .. 100)
	{
		$self->cancel;
		last if IO::Select->new($self->{socket})->can_read(0.2);
	}
	return;
}

# Hangs up; without a word if $rude.
sub finish
{
	my ($self, $rude) = @_;

	$self->_put('X', '') if !$rude;
	$self->send if $self->{alive} && !$rude;
	close $self->{socket};
	$self->{alive} = 0;
	return;
}

1;
