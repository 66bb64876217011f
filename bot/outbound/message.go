package outbound

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rosey/events"
)

// State says how far a message is.
type State string

// The states of a message.
const (
	// Queued waits for its turn, its time or its next attempt.
	Queued State = "queued"
	// Claimed is held by one who will send it, until a lease is over.
	Claimed State = "claimed"
	// Sending may be on the wire. Only its outcome ends that.
	Sending State = "sending"
	// Sent was echoed to us by the channel.
	Sent State = "sent"
	// Failed will not be sent: trying again would not help.
	Failed State = "failed"
	// Abandoned was tried as often as makes sense.
	Abandoned State = "abandoned"
	// Unknown left here, and nobody can tell whether it was shown.
	Unknown State = "unknown"
	// Cancelled was taken back before it was sent.
	Cancelled State = "cancelled"
)

// States lists all states, in the order in which a message can go through them.
func States() []State {
	return []State{Queued, Claimed, Sending, Sent, Failed, Abandoned, Unknown, Cancelled}
}

// Known reports whether this program knows the state.
func (s State) Known() bool {
	switch s {
	case Queued, Claimed, Sending, Sent, Failed, Abandoned, Unknown, Cancelled:
		return true
	}
	return false
}

// Final reports whether nothing more happens to a message by itself.
func (s State) Final() bool {
	switch s {
	case Sent, Failed, Abandoned, Unknown, Cancelled:
		return true
	}
	return false
}

// Why a message is not sent, or not yet.
const (
	ReasonMuted        = "muted"
	ReasonNoPermission = "no_permission"
	ReasonFiltered     = "filtered"
	ReasonFlood        = "flood"
	ReasonNoEcho       = "no_echo"
	ReasonNotShown     = "not_shown"
	ReasonAbsent       = "recipient_absent"
	ReasonRefused      = "refused"
	ReasonTooLong      = "too_long"
	ReasonCommand      = "command"
	ReasonDisconnected = "disconnected"
	// ReasonMarked is that of a message which somebody else tried to send, and who
	// gave no reason.
	ReasonMarked = "marked_by_caller"
	// ReasonRestored is that of a message which waited when the queue was copied, and
	// may have been sent by the original since.
	ReasonRestored = "restored"
)

// What to do with a text that is too long for one line.
const (
	LongSplit  = "split"
	LongRefuse = "refuse"
)

// Message is one message as the bucket holds it.
type Message struct {
	// ID is positive and below 2^53, so that it survives every JSON reader.
	ID      int64  `json:"id"`
	Channel string `json:"channel"`
	Text    string `json:"message"`
	// Recipient makes it a private message to this user.
	Recipient string `json:"recipient,omitempty"`
	// Long says what to do when the text is too long for one line; empty splits it.
	Long string `json:"long,omitempty"`
	// Key is the caller's own: a repeated request with it queues nothing new.
	Key string `json:"key,omitempty"`

	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`

	QueuedMS      int64 `json:"queued_ms"`
	NotBeforeMS   int64 `json:"not_before_ms,omitempty"`
	NextAttemptMS int64 `json:"next_attempt_ms,omitempty"`
	SendingMS     int64 `json:"sending_ms,omitempty"`
	SentMS        int64 `json:"sent_ms,omitempty"` // CyTube's time of the echo
	FinishedMS    int64 `json:"finished_ms,omitempty"`

	// Attempts counts how often it was tried.
	Attempts int `json:"attempts"`
	// Floods counts attempts in a row that the channel's flood control refused; they
	// do not count as attempts.
	Floods int `json:"floods,omitempty"`
	// Unseen counts attempts that are known not to have been shown, because the line
	// to the channel was lost in that moment. The first few do not count as attempts.
	Unseen int `json:"unseen,omitempty"`
	// As is the bot's name in the channel when it was sent.
	As string `json:"as,omitempty"`
	// Holder is who claimed it: a producer, or a caller of the service.
	Holder       string `json:"holder,omitempty"`
	LeaseUntilMS int64  `json:"lease_until_ms,omitempty"`

	Parts     int `json:"parts,omitempty"`
	PartsSent int `json:"parts_sent,omitempty"`

	// AfterMS is CyTube's time of the newest line seen before the message left.
	AfterMS int64 `json:"after_ms,omitempty"`
	// StreamSeq is the last stream sequence acknowledged before it left: its outcome
	// can only be after that.
	StreamSeq uint64 `json:"stream_seq,omitempty"`
	// MarkSeq is the stream sequence of the outcome that moved it last.
	MarkSeq uint64 `json:"mark_seq,omitempty"`
	// Position is the revision of its creation, the order within the channel.
	Position uint64 `json:"position,omitempty"`

	// Revision is the value's own. A change is made over it.
	Revision uint64 `json:"-"`
	// Changed is when the value was written, by the server's clock.
	Changed time.Time `json:"-"`
}

// MaxID is the greatest id; JSON readers that know floating point only still tell
// it from its neighbour.
const MaxID = 1<<53 - 1

// Due reports whether the message may be claimed at that time: it waits, or whoever
// held it let the lease run out.
func (m Message) Due(now time.Time) bool {
	ms := now.UnixMilli()
	switch m.State {
	case Queued:
		return ms >= m.NotBeforeMS && (ms >= m.NextAttemptMS || m.NextAttemptMS > ms+longestWait.Milliseconds())
	case Claimed:
		return ms >= m.LeaseUntilMS || !m.Changed.IsZero() && now.Sub(m.Changed) > longestWait
	}
	return false
}

// longestWait is more than any lease or pause before another attempt lasts, clocks
// that differ allowed for. One that is longer was set by a clock that was wrong, and
// nobody would take its message again.
const longestWait = time.Hour

// DueAt is the earliest time at which Due can hold, zero if it never will.
func (m Message) DueAt() time.Time {
	switch m.State {
	case Queued:
		return time.UnixMilli(max(m.NotBeforeMS, m.NextAttemptMS))
	case Claimed:
		return time.UnixMilli(m.LeaseUntilMS)
	}
	return time.Time{}
}

// Private reports whether the message goes to one user alone.
func (m Message) Private() bool { return m.Recipient != "" }

// keyOf is the key of a message in the bucket.
func keyOf(channel string, id int64) string {
	return events.Token(channel) + "." + strconv.FormatInt(id, 10)
}

// parseKey is the inverse of keyOf.
func parseKey(key string) (channel string, id int64, ok bool) {
	token, number, found := strings.Cut(key, ".")
	if !found {
		return "", 0, false
	}
	channel, ok = events.ParseToken(token)
	id, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || id <= 0 || id > MaxID || strconv.FormatInt(id, 10) != number {
		return "", 0, false
	}
	return channel, id, true
}

// ErrForeign means that the value of a key is no message of this queue. Such a
// value is counted and passed over.
var ErrForeign = errors.New("not a message of this queue")

// maxValue is more than a message of the longest text has, however it is escaped. It
// leaves room below what the bucket takes: one that could not be moved any more
// would be in the way of all others.
const maxValue = 128 << 10

// stored is a message as it travels. Write is new at each writing, so that whoever
// got no answer can tell its own value from one that another wrote.
type stored struct {
	Message
	Write string `json:"write,omitempty"`
}

// encode is the inverse of decode.
func encode(m Message, write string) ([]byte, error) {
	return json.Marshal(stored{m, write})
}

// decode reads the value of a key. Fields it does not know are passed over: they
// come from a later version, and are lost when this one changes the message.
func decode(key string, value []byte, revision uint64) (stored, error) {
	var s stored
	channel, id, ok := parseKey(key)
	if !ok {
		return s, fmt.Errorf("%w: key %q", ErrForeign, key)
	}
	if len(value) > maxValue {
		return s, fmt.Errorf("%w: the value has %d bytes", ErrForeign, len(value))
	}
	if err := json.Unmarshal(value, &s); err != nil {
		// The error would show parts of the text.
		return s, fmt.Errorf("%w: the value is no JSON object of one", ErrForeign)
	}
	m := &s.Message
	switch {
	case m.ID != id:
		return s, fmt.Errorf("%w: the value has another id", ErrForeign)
	case m.Channel != channel:
		return s, fmt.Errorf("%w: the value has another channel", ErrForeign)
	case !m.State.Known():
		return s, fmt.Errorf("%w: the value has an unknown state", ErrForeign)
	case m.Text == "":
		return s, fmt.Errorf("%w: the value has no text", ErrForeign)
	case m.Attempts < 0 || m.Floods < 0 || m.Unseen < 0 || m.Parts < 0 || m.PartsSent < 0:
		return s, fmt.Errorf("%w: the value has a negative count", ErrForeign)
	}
	m.Revision = revision
	if m.Position == 0 {
		m.Position = revision
	}
	return s, nil
}
