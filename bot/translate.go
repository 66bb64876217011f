package bot

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"rosey/bot/cytube"
	"rosey/events"
)

// TranslatorConfig says on whose behalf a Translator speaks.
type TranslatorConfig struct {
	Platform   string // default events.PlatformCyTube
	Channel    string
	Producer   string // the run of the bot, as the spool named it
	BotVersion string
}

// A Translator turns the items of one bot on one channel into events. It is a
// pure state machine and not safe for concurrent use.
type Translator struct {
	cfg TranslatorConfig

	started    time.Time
	malformed  uint64
	high       events.Counts // the highest of this run
	session    session
	lastStatus time.Time
	status     status // as last reported
	why        string // why the last session ended
}

// session is what is known about the channel from one connection. Nothing of it
// outlives the connection: the server sends everything again.
type session struct {
	connected bool
	joined    bool
	burst     bool // the state sent at a join has not ended yet

	name      string // the bot's own, as the server spells it
	rank      *float64
	users     map[string]events.User // by lower-case name
	sockets   *int64                 // usercount: everybody, anonymous ones too
	items     []events.PlaylistItem
	itemCount *int64
	nextUID   *int64 // from a setCurrent that was the last frame
	playing   *playing
	ending    *ending
	poll      *events.PollClosed

	counted  bool      // the regular count was told since the join
	countDue time.Time // when it is due again
}

// NewTranslator returns a Translator that has seen nothing yet.
func NewTranslator(cfg TranslatorConfig) *Translator {
	if cfg.Platform == "" {
		cfg.Platform = events.PlatformCyTube
	}
	return &Translator{cfg: cfg}
}

// Malformed counts the frames whose arguments were not as expected. They are
// carried under the open-ended kinds, so nothing of them is lost.
func (t *Translator) Malformed() uint64 { return t.malformed }

// Translate returns the events of one item, in order, without IDs. A frame
// gives its carrier first, then what follows from it.
func (t *Translator) Translate(item cytube.Item) []*events.Event {
	switch it := item.(type) {
	case cytube.Frame:
		return t.frame(it)
	case cytube.Unreadable:
		return t.unreadable(it)
	case cytube.Connected:
		return t.connected(it)
	case cytube.Joined:
		return t.joined(it)
	case cytube.Disconnected:
		return t.disconnected(it)
	default:
		return nil
	}
}

// frame is a CyTube event while it is read.
type frame struct {
	event  string
	args   []json.RawMessage // without secrets
	at     time.Time
	timeMS int64  // when it happened: at, unless the event says itself
	uid    *int64 // from a setCurrent just before
}

// A reading says what becomes of one CyTube event.
type reading struct {
	// kind of the carrier; empty for events that carry on under their own name.
	kind events.Kind
	// argsIn names the payload field that holds the one argument, for bulky
	// data that is carried once.
	argsIn string
	// read checks the arguments, keeps what later frames need, and returns the
	// payload. After an error the event travels under its own name.
	read func(*Translator, *frame) (events.Payload, error)
}

// errShape is returned for arguments that are not as expected. What exactly is
// wrong nobody needs to know: the arguments themselves are kept.
var errShape = errors.New("unexpected arguments")

// errNoUser is returned for an event about an anonymous socket: well-formed, but
// no user's.
var errNoUser = errors.New("about nobody with a name")

func (t *Translator) frame(in cytube.Frame) []*events.Event {
	f := &frame{event: in.Event, args: redact(in.Event, cleanArgs(in.Args)), at: in.At, timeMS: in.At.UnixMilli()}
	s := &t.session
	f.uid, s.nextUID = s.nextUID, nil
	if f.event == "userlist" {
		s.burst = false
	}

	kind, argsIn := events.CyTubeKind(f.event), ""
	var payload events.Payload
	if r, ok := readings[f.event]; ok {
		p, err := r.read(t, f)
		switch {
		case err == nil && r.kind != "":
			kind, payload, argsIn = r.kind, p, r.argsIn
		case err != nil:
			f.timeMS = in.At.UnixMilli()
			if !errors.Is(err, errNoUser) {
				t.malformed++
			}
		}
	}
	carrier := t.event(kind, payload, f.at)
	carrier.TimeMS = f.timeMS
	carrier.PlatformData = platformData(f, argsIn)

	out := []*events.Event{carrier}
	out = t.endAfter(out, f)
	return t.counts(out, f)
}

// event makes an event without a carried frame.
func (t *Translator) event(kind events.Kind, payload events.Payload, at time.Time) *events.Event {
	ms := at.UnixMilli()
	return &events.Event{
		V: events.Version, Platform: t.cfg.Platform, Channel: t.cfg.Channel,
		TimeMS: ms, ReceivedMS: ms, Kind: kind, Payload: payload,
	}
}

// platformData is the frame as JSON, its argument left out if the payload has it.
func platformData(f *frame, argsIn string) json.RawMessage {
	var b bytes.Buffer
	b.WriteString(`{"event":`)
	writeText(&b, f.event)
	if argsIn != "" {
		b.WriteString(`,"args_in":`)
		writeText(&b, argsIn)
	} else {
		b.WriteString(`,"args":[`)
		for i, arg := range f.args {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(arg)
		}
		b.WriteByte(']')
	}
	b.WriteByte('}')
	return b.Bytes()
}

func writeText(b *bytes.Buffer, s string) {
	text, err := json.Marshal(s)
	if err != nil { // no string fails to marshal
		text = []byte(`""`)
	}
	b.Write(text)
}

// cleanArgs makes sure that what is stored is JSON in UTF-8, whatever came.
func cleanArgs(args []json.RawMessage) []json.RawMessage {
	out := args
	for i, arg := range args {
		if len(arg) > 0 && utf8.Valid(arg) {
			continue
		}
		if &out[0] == &args[0] {
			out = append([]json.RawMessage(nil), args...)
		}
		if len(arg) == 0 {
			out[i] = json.RawMessage("null")
			continue
		}
		out[i] = bytes.ToValidUTF8(arg, []byte("\uFFFD"))
	}
	return out
}

// argument reads the first argument, which must be there and not null.
func argument[T any](f *frame) (T, error) {
	var v T
	if len(f.args) == 0 || isNull(f.args[0]) || json.Unmarshal(f.args[0], &v) != nil {
		var zero T
		return zero, errShape
	}
	return v, nil
}

// bulk returns the only argument unread. There may be no other: it alone is kept.
func bulk(f *frame, open byte) (json.RawMessage, error) {
	if len(f.args) != 1 {
		return nil, errShape
	}
	arg := bytes.TrimSpace(f.args[0])
	if len(arg) == 0 || arg[0] != open {
		return nil, errShape
	}
	return arg, nil
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }
