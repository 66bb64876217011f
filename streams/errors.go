package streams

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What keeps Connect from a usable connection.
var (
	// ErrUnreachable means that no server answered at the given addresses.
	ErrUnreachable = errors.New("no NATS server answers")
	// ErrAuth means that the server refused the credentials.
	ErrAuth = errors.New("the NATS server refused the credentials")
	// ErrTLS means that no secure connection came about.
	ErrTLS = errors.New("no secure connection to the NATS server")
	// ErrNoJetStream means that the server has no JetStream for this account.
	ErrNoJetStream = errors.New("JetStream is not enabled on the NATS server for this account")
	// ErrServerTooOld means that the server lacks what the stream needs.
	ErrServerTooOld = errors.New("the NATS server is too old")
	// ErrPermission means that the user may not do what was asked. The error is a
	// *PermissionError that names the subject.
	ErrPermission = errors.New("permissions violation")
)

// What keeps a stream from being used.
var (
	// ErrNoStream means that the stream does not exist.
	ErrNoStream = errors.New("stream does not exist")
	// ErrNoIdentity means that the stream exists but was not set up by Rosey.
	ErrNoIdentity = errors.New("stream has no identity")
	// ErrMisses means that an event subject does not lead to the stream.
	ErrMisses = errors.New("stream misses an event subject")
	// ErrCaptures means that a stream captures a service subject. The error is a
	// *CaptureError.
	ErrCaptures = errors.New("stream captures a service subject")
	// ErrTooSmall means that a limit is smaller than what is stored.
	ErrTooSmall = errors.New("the limit is smaller than what is stored")
	// ErrCannotChange means that an existing stream differs in a way that the
	// server never changes. The error is a *DifferenceError.
	ErrCannotChange = errors.New("stream cannot be changed as wanted")
)

// What an append can come to, apart from success.
var (
	// ErrUncertain means that no answer came: the message may be stored. Look with
	// Find before sending it again.
	ErrUncertain = errors.New("append without an answer")
	// ErrUnavailable means that the message is surely not stored and may be
	// accepted later.
	ErrUnavailable = errors.New("stream is not available")
	// ErrFull accompanies ErrUnavailable when the stream's or the server's storage
	// is full.
	ErrFull = errors.New("stream storage is full")
	// ErrRefused means that the server will never take this message.
	ErrRefused = errors.New("message is refused for good")
	// ErrDuplicateInBatch means that a batch was rejected whole, because one of its
	// message ids is stored already or occurs twice.
	ErrDuplicateInBatch = errors.New("batch contains a message id that is stored already")
	// ErrBatchTooLarge means that a batch exceeds MaxBatch or MaxBatchBytes.
	ErrBatchTooLarge = errors.New("batch is too large")
)

// What reading can come to.
var (
	// ErrMessageNotFound means that the stream counts no message of that sequence:
	// it was erased, trimmed, or never was.
	ErrMessageNotFound = errors.New("message not found")
	// ErrUnreadable means that a message is stored and no server delivers it. The error
	// is an *UnreadableError.
	ErrUnreadable = errors.New("a stored message cannot be read")
	// ErrLeftOut means that a server did not deliver a message that was never erased.
	ErrLeftOut = errors.New("the server left out what the stream holds")
	// ErrUnvouched means that something was not delivered and that the leader could not
	// be asked whether it was erased.
	ErrUnvouched = errors.New("the server could not be asked what was erased")
	// ErrBeyondEnd means that a start lies after the stream's end. The server
	// would accept it and skip everything up to there in silence.
	ErrBeyondEnd = errors.New("start is beyond the end of the stream")
	// ErrConsumerGone means that the consumer was deleted.
	ErrConsumerGone = errors.New("consumer is gone")
	// ErrNoHeartbeat means that the server stopped talking about the consumer.
	ErrNoHeartbeat = errors.New("no heartbeat from the consumer")
	// ErrNoLeader means that a cluster had nobody who could answer, for longer than
	// it takes to choose a leader.
	ErrNoLeader = errors.New("the cluster has no leader for it")
	// ErrDisconnected means that the connection was lost, and possibly messages
	// with it.
	ErrDisconnected = errors.New("connection lost")
	// ErrDeliveryStopped means that the delivery or reader was stopped by its user.
	ErrDeliveryStopped = errors.New("delivery is stopped")
	// ErrBadInstance means that an instance's name cannot be part of a consumer's.
	ErrBadInstance = errors.New("invalid instance name")
)

// unsentError is a request that was made while there was no line to a server. The
// client's own words for it are about a buffer that is not used.
type unsentError struct{ cause error }

func (e *unsentError) Error() string   { return "no server answers" }
func (e *unsentError) Unwrap() []error { return []error{ErrDisconnected, e.cause} }

// UnreadableError says which message it is that cannot be read.
type UnreadableError struct {
	// Seq is the message, or the first that may be it where only some were asked for.
	Seq uint64
	// Tries is how many consumers were made that delivered nothing, within For. It is 0
	// where the leader was asked at once.
	Tries int
	For   time.Duration
	// Servers are where these ran, as far as the server tells; a cluster does.
	Servers []string
	// LeaderHasIt says that the stream's leader can read it: it is the servers' copies
	// that are damaged.
	LeaderHasIt bool
	// Bucket is where the message is a value, and Seq its revision. It is empty where it
	// is one of the stream.
	Bucket string
	// Key is the value's, where it is known. The revision is not then, and Seq is 0.
	Key string
}

func (e *UnreadableError) Error() string {
	text := fmt.Sprintf("seq=%d is stored and cannot be read: ", e.Seq)
	if e.Key != "" {
		text = fmt.Sprintf("key %s of bucket %s is stored and cannot be read: ", e.Key, e.Bucket)
	} else if e.Bucket != "" {
		text = fmt.Sprintf("revision %d of bucket %s is stored and cannot be read: ", e.Seq, e.Bucket)
	}
	if e.LeaderHasIt {
		text += "the stream's leader has it"
	} else {
		text += "the store is damaged, the stream's leader counts it and does not find it"
	}
	if e.Tries > 0 {
		text += fmt.Sprintf("; %d consumers delivered nothing in %s", e.Tries, e.For.Round(time.Second))
	}
	if len(e.Servers) > 0 {
		text += ", on " + strings.Join(e.Servers, ", ")
	}
	return text
}

// BucketRemedy is the next step where a bucket cannot be read, for a person.
func (e *UnreadableError) BucketRemedy() string {
	if e.LeaderHasIt && len(e.Servers) > 0 {
		return fmt.Sprintf("look at the store and the log of NATS server %s: its copy of the bucket cannot be read, and another server has a whole one; "+
			"stopped, and its store moved away, it copies that", strings.Join(e.Servers, ", "))
	}
	return fmt.Sprintf("copy the server's store away first; then rosey restore DIR (the last backup), into a new --data folder or server; "+
		"or give up what waits in the bucket: nats kv del %s, then rosey stream setup", e.Bucket)
}

// Is makes errors.Is(err, ErrUnreadable) hold.
func (e *UnreadableError) Is(target error) bool { return target == ErrUnreadable }

// PermissionError names the subject on which the server denied an operation.
type PermissionError struct {
	Operation string // "publish" or "subscribe"
	Subject   string
}

func (e *PermissionError) Error() string {
	return "permissions violation: " + e.Operation + " to " + e.Subject
}

// Is makes errors.Is(err, ErrPermission) hold.
func (e *PermissionError) Is(target error) bool { return target == ErrPermission }

// CaptureError names a stream that would answer requests itself.
type CaptureError struct {
	Stream  string
	Subject string
}

func (e *CaptureError) Error() string {
	return fmt.Sprintf("stream %s captures the service subject %s and would answer its requests: "+
		"take that subject out of the stream (nats stream edit %s --subjects …) or remove the stream",
		e.Stream, e.Subject, e.Stream)
}

// Is makes errors.Is(err, ErrCaptures) hold.
func (e *CaptureError) Is(target error) bool { return target == ErrCaptures }

// DifferenceError lists what cannot be changed on the existing stream.
type DifferenceError struct {
	Stream      string
	Differences []Difference
}

func (e *DifferenceError) Error() string {
	text := "stream " + e.Stream + " cannot be changed as wanted"
	for _, d := range e.Differences {
		text += "; " + d.String()
	}
	return text
}

// Is makes errors.Is(err, ErrCannotChange) hold.
func (e *DifferenceError) Is(target error) bool { return target == ErrCannotChange }
