package streams

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rosey/events"

	"github.com/nats-io/nats.go/jetstream"
)

// StreamName is the name of the one stream.
const StreamName = "ROSEY"

const (
	// DefaultMaxBytes is how large the stream may become where the disk allows it.
	DefaultMaxBytes int64 = 64 << 30

	// DuplicateWindow is how long the server remembers message ids. It is a first
	// filter against near duplicates only; producer and sequence are the proof. The
	// server keeps each id in memory meanwhile, some 130 bytes and more: 10 MB at 100
	// events a second.
	DuplicateWindow = 10 * time.Minute

	// identityKey is where the stream's metadata keeps its identity.
	identityKey = "rosey_identity"

	embeddedName = "rosey-embedded"
	lazySuffix   = "-lazy"
)

// EmbeddedServerName is the name under which an embedded server presents itself,
// so that a client knows whether it writes through to the disk: no client can
// ask a server for that.
func EmbeddedServerName(syncAlways bool) string {
	if syncAlways {
		return embeddedName
	}
	return embeddedName + lazySuffix
}

// StreamOptions is what an installation may choose about the stream.
type StreamOptions struct {
	// Replicas is 1 or 3. Default: as the stream is, 1 for a new one.
	Replicas int

	// MaxBytes is the size at which the stream takes no more. Default: as the
	// stream is, MaxBytesIfNew for a new one.
	MaxBytes int64

	// MaxBytesIfNew is the size for a new stream when MaxBytes is not set; it is
	// apart because it depends on the disk and must not change later by itself.
	// Default: DefaultMaxBytes.
	MaxBytesIfNew int64
}

// Validate reports what Setup would refuse.
func (o StreamOptions) Validate() error {
	var errs []error
	switch o.Replicas {
	case 0, 1, 3, 5:
	default:
		errs = append(errs, fmt.Errorf("replicas is %d, want 1 or 3", o.Replicas))
	}
	if o.MaxBytes < 0 || o.MaxBytesIfNew < 0 {
		errs = append(errs, errors.New("stream size is negative"))
	}
	return errors.Join(errs...)
}

// definition is the wanted stream, in this one place.
func definition(o StreamOptions, serverVersion string) jetstream.StreamConfig {
	maxBytes := o.MaxBytes
	if maxBytes == 0 {
		maxBytes = o.MaxBytesIfNew
	}
	if maxBytes == 0 {
		maxBytes = DefaultMaxBytes
	}
	return jetstream.StreamConfig{
		Name:              StreamName,
		Description:       "Rosey: every event of the recorded channels",
		Subjects:          events.StreamSubjects(),
		Storage:           jetstream.FileStorage,
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew, // at the limit refuse, never delete history
		MaxBytes:          maxBytes,
		MaxMsgs:           -1,
		MaxMsgsPerSubject: -1,
		MaxConsumers:      -1,
		MaxMsgSize:        -1,
		Compression:       compressionOf(o.Replicas),
		Replicas:          max(o.Replicas, 1),
		Duplicates:        DuplicateWindow,
		AllowDirect:       true,
		// Deletion stays possible: its prohibition could never be lifted, and one
		// message must be erasable on request. Permissions restrict it.
		AllowAtomicPublish: versionAtLeast(serverVersion, 2, 12),
	}
}

// compressionOf is how a stream with that many replicas is kept. A server that comes
// back after a crash cuts its copy at the last snapshot of the log that it shares
// with the others, and NATS (2.15) does that to a compressed file as if it were none:
// the copy is destroyed, and never heals. One replica shares no log.
func compressionOf(replicas int) jetstream.StoreCompression {
	if replicas > 1 {
		return jetstream.NoCompression
	}
	return jetstream.S2Compression
}

// FieldExtraSubjects is the Field of a Difference that does no harm: the stream
// binds more than it has to.
const FieldExtraSubjects = "extra subjects"

const fieldCompression = "compression"

// Difference is one property in which an existing stream is not as wanted.
type Difference struct {
	Field string `json:"field"`
	Is    string `json:"is"`
	Want  string `json:"want"`
	// Changeable says that Setup would change it.
	Changeable bool `json:"changeable"`
	// Remedy is what to do about a difference that Setup leaves, or once it has
	// changed it.
	Remedy string `json:"remedy,omitempty"`
}

func (d Difference) String() string {
	text := fmt.Sprintf("%s is %s, want %s", d.Field, d.Is, d.Want)
	if d.Remedy != "" {
		text += ": " + d.Remedy
	}
	return text
}

// Change is one property that Setup changed.
type Change struct {
	Field string `json:"field"`
	Was   string `json:"was"`
	Now   string `json:"now"`
	// Next is what has to be done by hand until it is in force.
	Next string `json:"next,omitempty"`
}

func (c Change) String() string {
	text := fmt.Sprintf("%s: %s, now %s", c.Field, c.Was, c.Now)
	if c.Next != "" {
		text += ": " + c.Next
	}
	return text
}

const (
	recreate = "the server cannot change it: back up the stream (nats stream backup), remove it, " +
		"and import it into one made by rosey stream setup"
	promote = "if its original is gone for good, take the mirror out of it (nats stream edit " + StreamName + ", NATS server 2.12 or later), " +
		"then run rosey stream setup and rosey projector --adopt-stream"
	restartEach = "a server compresses until it is started again, and kill -9 destroys its copy until then: stop each in turn " +
		"in an orderly way, start it, and wait until all are healthy before the next (docs/cluster.md)"
	byHand = "edit the stream (nats stream edit " + StreamName + ")"
)

// property is one field of the definition: how to show it, and how to make it as
// wanted where the server permits.
type property struct {
	name   string
	show   func(c *jetstream.StreamConfig) string
	set    func(c, want *jetstream.StreamConfig) // nil: cannot be changed
	remedy string
}

// properties lists everything that is compared. What is absent is free:
// description, placement and other people's metadata.
var properties = []property{
	{name: "storage", show: func(c *jetstream.StreamConfig) string { return c.Storage.String() }, remedy: recreate},
	{name: "retention", show: func(c *jetstream.StreamConfig) string { return c.Retention.String() }, remedy: recreate},
	{name: "mirror", show: func(c *jetstream.StreamConfig) string { return yes(c.Mirror != nil) }, remedy: promote},
	{name: "sealed", show: func(c *jetstream.StreamConfig) string { return yes(c.Sealed) }, remedy: recreate},
	{name: "deny delete", show: func(c *jetstream.StreamConfig) string { return yes(c.DenyDelete) }, remedy: recreate},
	{name: "deny purge", show: func(c *jetstream.StreamConfig) string { return yes(c.DenyPurge) }, remedy: recreate},
	{
		name:   "asynchronous persistence",
		show:   func(c *jetstream.StreamConfig) string { return yes(c.PersistMode == jetstream.AsyncPersistMode) },
		remedy: recreate,
	},
	{
		name:   "message ttl",
		show:   func(c *jetstream.StreamConfig) string { return yes(c.AllowMsgTTL) },
		remedy: recreate,
	},
	{
		name:   "sources",
		show:   func(c *jetstream.StreamConfig) string { return strconv.Itoa(len(c.Sources)) },
		remedy: "a source brings events without their deduplication; remove it by hand: " + byHand,
	},
	{
		name: "subject transform", show: func(c *jetstream.StreamConfig) string { return yes(c.SubjectTransform != nil) },
		set: func(c, _ *jetstream.StreamConfig) { c.SubjectTransform = nil },
	},
	{
		name: "max age", show: func(c *jetstream.StreamConfig) string { return c.MaxAge.String() },
		set: func(c, w *jetstream.StreamConfig) { c.MaxAge = w.MaxAge },
	},
	{
		name: "max messages", show: func(c *jetstream.StreamConfig) string { return limitText(c.MaxMsgs) },
		set: func(c, w *jetstream.StreamConfig) { c.MaxMsgs = w.MaxMsgs },
	},
	{
		name: "max messages per subject", show: func(c *jetstream.StreamConfig) string { return limitText(c.MaxMsgsPerSubject) },
		set: func(c, w *jetstream.StreamConfig) { c.MaxMsgsPerSubject = w.MaxMsgsPerSubject },
	},
	{
		name: "max message size", show: func(c *jetstream.StreamConfig) string { return limitText(int64(c.MaxMsgSize)) },
		set: func(c, w *jetstream.StreamConfig) { c.MaxMsgSize = w.MaxMsgSize },
	},
	{
		name: "max bytes", show: func(c *jetstream.StreamConfig) string { return limitText(c.MaxBytes) },
		set: func(c, w *jetstream.StreamConfig) { c.MaxBytes = w.MaxBytes },
	},
	{
		name: "discard", show: func(c *jetstream.StreamConfig) string { return c.Discard.String() },
		set: func(c, w *jetstream.StreamConfig) {
			c.Discard, c.DiscardNewPerSubject = w.Discard, w.DiscardNewPerSubject
		},
	},
	{
		name: fieldCompression, show: func(c *jetstream.StreamConfig) string { return c.Compression.String() },
		set: func(c, w *jetstream.StreamConfig) { c.Compression = w.Compression },
	},
	{
		name: "replicas", show: func(c *jetstream.StreamConfig) string { return strconv.Itoa(c.Replicas) },
		set: func(c, w *jetstream.StreamConfig) { c.Replicas = w.Replicas },
	},
	{
		name: "duplicate window", show: func(c *jetstream.StreamConfig) string { return c.Duplicates.String() },
		set: func(c, w *jetstream.StreamConfig) { c.Duplicates = w.Duplicates },
	},
	{
		name: "direct access", show: func(c *jetstream.StreamConfig) string { return yes(c.AllowDirect) },
		set: func(c, w *jetstream.StreamConfig) { c.AllowDirect = w.AllowDirect },
	},
	{
		name: "atomic batches", show: func(c *jetstream.StreamConfig) string { return yes(c.AllowAtomicPublish) },
		set: func(c, w *jetstream.StreamConfig) { c.AllowAtomicPublish = w.AllowAtomicPublish },
	},
	{
		name: "rollup", show: func(c *jetstream.StreamConfig) string { return yes(c.AllowRollup) },
		set: func(c, w *jetstream.StreamConfig) { c.AllowRollup = w.AllowRollup },
	},
	{
		name: "acknowledgements", show: func(c *jetstream.StreamConfig) string { return yes(!c.NoAck) },
		set: func(c, w *jetstream.StreamConfig) { c.NoAck = w.NoAck },
	},
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// limitText shows a limit; the server uses 0 and -1 alike for none.
func limitText(n int64) string {
	if n <= 0 {
		return "unlimited"
	}
	return strconv.FormatInt(n, 10)
}

// keepUnset takes over from the existing stream what the options leave open.
func keepUnset(want *jetstream.StreamConfig, is *jetstream.StreamConfig, o StreamOptions) {
	if o.Replicas == 0 {
		want.Replicas = is.Replicas
	}
	want.Compression = compressionOf(want.Replicas)
	if o.MaxBytes == 0 && is.MaxBytes > 0 {
		want.MaxBytes = is.MaxBytes
	}
}

// compare lists how a stream differs from the wanted one, and returns the
// stream's configuration with everything changed that can be.
func compare(is, want *jetstream.StreamConfig) ([]Difference, jetstream.StreamConfig) {
	diffs, repaired := compareProperties(properties, is, want)
	for i, d := range diffs {
		if d.Field == fieldCompression && want.Replicas > 1 {
			diffs[i].Remedy = restartEach
		}
	}
	missing := without(want.Subjects, is.Subjects)
	// A wider subject already in the stream stands for the narrower ones below it;
	// the server would refuse both together.
	missing = without(missing, covered(missing, is.Subjects))
	if len(missing) > 0 {
		diffs = append(diffs, Difference{
			Field: "subjects", Is: "missing " + strings.Join(missing, " "), Want: "all event subjects", Changeable: true,
		})
		repaired.Subjects = append(append([]string(nil), is.Subjects...), missing...)
	}
	if extra := without(is.Subjects, want.Subjects); len(extra) > 0 {
		diffs = append(diffs, Difference{
			Field: FieldExtraSubjects, Is: strings.Join(extra, " "), Want: "none",
			Remedy: "nothing reads them; if they are not wanted, " + byHand,
		})
	}
	return diffs, repaired
}

// compareProperties is compare for the given properties alone.
func compareProperties(list []property, is, want *jetstream.StreamConfig) ([]Difference, jetstream.StreamConfig) {
	repaired := *is
	var diffs []Difference
	for _, p := range list {
		have, wanted := p.show(is), p.show(want)
		if have == wanted {
			continue
		}
		diffs = append(diffs, Difference{Field: p.name, Is: have, Want: wanted, Changeable: p.set != nil, Remedy: p.remedy})
		if p.set != nil {
			p.set(&repaired, want)
		}
	}
	return diffs, repaired
}

// harmless reports whether a difference that Setup leaves may stay.
func (d Difference) harmless() bool { return d.Changeable || d.Field == FieldExtraSubjects }

// without returns the elements of list that are not in other.
func without(list, other []string) []string {
	known := make(map[string]bool, len(other))
	for _, s := range other {
		known[s] = true
	}
	var rest []string
	for _, s := range list {
		if !known[s] {
			rest = append(rest, s)
		}
	}
	return rest
}

// covered returns the subjects of list that lie within one of the filters.
func covered(list, filters []string) []string {
	var in []string
	for _, s := range list {
		for _, f := range filters {
			if subjectWithin(s, f) {
				in = append(in, s)
				break
			}
		}
	}
	return in
}

// subjectWithin reports whether every subject that matches s matches filter too.
func subjectWithin(s, filter string) bool {
	st, ft := strings.Split(s, "."), strings.Split(filter, ".")
	for i, f := range ft {
		if f == ">" {
			return len(st) > i
		}
		if i >= len(st) || st[i] == ">" || f != "*" && f != st[i] {
			return false
		}
	}
	return len(st) == len(ft)
}
