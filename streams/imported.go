package streams

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A stream that was restored from an archive has the sequences of the original,
// and new times: the server gives them. Each message carries its original time in
// a header, which is believed up to the sequence that the stream's metadata names,
// so that no later publisher can give itself a time.
const (
	// storedAtHeader holds the original time, RFC 3339 with nanoseconds.
	storedAtHeader = "Rosey-Stored-At"

	importedFromKey = "rosey_imported_from" // the first restored sequence
	importedToKey   = "rosey_imported_to"   // the last restored sequence
	importedLastKey = "rosey_imported_last" // when the last restored message was stored
	createdKey      = "rosey_created"       // when the original stream was made
)

// imported is what a stream says about having been restored.
type imported struct {
	from, to uint64
	last     time.Time
}

func importedOf(metadata map[string]string) imported {
	to, err := strconv.ParseUint(metadata[importedToKey], 10, 64)
	if err != nil {
		return imported{}
	}
	from, err := strconv.ParseUint(metadata[importedFromKey], 10, 64)
	if err != nil {
		from = 0 // of an import that did not say
	}
	return imported{from: from, to: to, last: parseTime(metadata[importedLastKey])}
}

// parseTime reads a time of the metadata or of a header, zero for none.
func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// original gives a restored message its original time, and takes away what says
// that it was restored. The header map is the message's own.
func (i imported) original(m *Message) {
	if m.Seq > i.to {
		return
	}
	text := m.Header[storedAtHeader]
	if len(text) == 0 {
		return
	}
	if t := parseTime(text[0]); !t.IsZero() {
		m.Time = t
	}
	delete(m.Header, storedAtHeader)
}

// times corrects a state's times where restored messages are its first or last.
func (s *Stream) times(ctx context.Context, state *State, i imported) error {
	if state.Messages == 0 || state.FirstSeq > i.to {
		return nil
	}
	if state.LastSeq <= i.to && !i.last.IsZero() {
		state.LastTime = i.last
	}
	s.first.mu.Lock()
	defer s.first.mu.Unlock()
	if s.first.seq != state.FirstSeq {
		m, err := s.Get(ctx, state.FirstSeq)
		if errors.Is(err, ErrMessageNotFound) || errors.Is(err, ErrUnreadable) {
			return nil // erased in this moment, or hidden by damage: the extent can be told all the same
		}
		if err != nil {
			return err
		}
		s.first.seq, s.first.time = m.Seq, m.Time
	}
	state.FirstTime = s.first.time
	return nil
}

// appendOriginal is the message that restores another one.
func appendOriginal(m Message) AppendMessage {
	h := Lasting(m.Header)
	h.Set(storedAtHeader, formatTime(m.Time))
	return AppendMessage{Subject: m.Subject, MsgID: m.MsgID, Data: m.Data, Header: h}
}

// passingHeaders are what a publisher tells the server with a message, and what the
// server would obey again: what the stream had to be like at that moment, the batch
// it came in, what to do with older messages, when to delete or to send it, whom to
// tell of its way. A name that ends with a dash stands for all that begin with it.
var passingHeaders = []string{
	"Nats-Expected-", "Nats-Batch-", "Nats-Rollup", "Nats-TTL", "Nats-Schedule", "Nats-Schedule-", "Nats-Scheduler",
	"Nats-Incr", "Nats-Counter-Sources", "Nats-Required-Api-Level", "Nats-Trace-",
	"Nats-Stream-Source", // the server refuses it from anybody but its own sources
	nats.MsgIdHdr,        // goes its own way, as the message's id
	storedAtHeader,
}

// Lasting returns the headers that a restored message has again, as a map of its
// own. A message's id is not among them: it has a field for that.
func Lasting(h nats.Header) nats.Header {
	lasting := nats.Header{}
	for key, values := range h {
		if !slices.ContainsFunc(passingHeaders, func(name string) bool {
			return key == name || strings.HasSuffix(name, "-") && strings.HasPrefix(key, name)
		}) {
			lasting[key] = values
		}
	}
	return lasting
}

// withIdentity returns the metadata of the stream that has been restored.
func withIdentity(metadata map[string]string, id Identity, i imported) map[string]string {
	md := maps.Clone(metadata)
	if md == nil {
		md = map[string]string{}
	}
	delete(md, importingKey)
	md[identityKey], md[createdKey] = id.ID, formatTime(id.Created)
	md[importedFromKey], md[importedToKey] = strconv.FormatUint(i.from, 10), strconv.FormatUint(i.to, 10)
	if !i.last.IsZero() {
		md[importedLastKey] = formatTime(i.last)
	}
	return md
}

// createdOf is when the stream was made, the original one for a restored stream.
func createdOf(info *jetstream.StreamInfo) time.Time {
	if t := parseTime(info.Config.Metadata[createdKey]); !t.IsZero() {
		return t
	}
	return info.Created
}
