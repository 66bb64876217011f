package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/go-faster/jx"
)

// Names of the common fields as they travel.
const (
	fieldID           = "id"
	fieldVersion      = "v"
	fieldPlatform     = "platform"
	fieldChannel      = "channel"
	fieldTimestamp    = "timestamp"
	fieldTimeMS       = "time_ms"
	fieldReceivedMS   = "received_ms"
	fieldPlatformData = "platform_data"

	olderTimestamp = "time"
)

// ErrTrailing is returned by Decode for data after the object.
var ErrTrailing = errors.New("data after the JSON object")

// ErrNotObject is returned by Decode for data that is no JSON object.
var ErrNotObject = errors.New("not a JSON object")

var encoders = sync.Pool{New: func() any { return new(jx.Encoder) }}

// Encode writes the event as one flat JSON object. It is the inverse of Decode.
func Encode(e *Event) ([]byte, error) {
	if e.Kind == "" {
		return nil, errors.New("events: encode: event without a kind")
	}
	enc := encoders.Get().(*jx.Encoder)
	defer encoders.Put(enc)
	enc.Reset()
	enc.ObjStart()
	if e.ID != "" {
		enc.FieldStart(fieldID)
		enc.Str(e.ID)
	}
	enc.FieldStart(fieldVersion)
	enc.Int(max(e.V, Version))
	enc.FieldStart(fieldPlatform)
	enc.Str(e.Platform)
	enc.FieldStart(fieldChannel)
	enc.Str(e.Channel)
	enc.FieldStart(fieldTimestamp)
	enc.Int64(floorSeconds(e.TimeMS))
	enc.FieldStart(fieldTimeMS)
	enc.Int64(e.TimeMS)
	if e.ReceivedMS != 0 {
		enc.FieldStart(fieldReceivedMS)
		enc.Int64(e.ReceivedMS)
	}
	if e.Payload != nil {
		e.Payload.fields(&coder{enc: enc})
	}
	for _, f := range e.Extra {
		enc.FieldStart(f.Name)
		enc.Raw(jx.Raw(f.Value))
	}
	if len(e.PlatformData) > 0 {
		enc.FieldStart(fieldPlatformData)
		enc.Raw(jx.Raw(e.PlatformData))
	}
	enc.ObjEnd()
	return bytes.Clone(enc.Bytes()), nil
}

// floorSeconds rounds towards the past, also before 1970.
func floorSeconds(ms int64) int64 {
	s := ms / 1000
	if ms%1000 < 0 {
		s--
	}
	return s
}

// A Decoder decodes many events. It keeps names that occur again and again, so
// that each costs one allocation in all. It is not safe for concurrent use.
type Decoder struct {
	names    map[string]string
	subjects map[string]subject
	jx       jx.Decoder
	c        coder
}

// What a Decoder keeps is bounded, whatever the stream holds.
const (
	maxNames     = 4096
	maxNameBytes = 64
)

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder {
	return &Decoder{names: map[string]string{}, subjects: map[string]subject{}}
}

// subject is what ParseSubject says of one.
type subject struct {
	kind    Kind
	channel string
	ok      bool
}

// maxSubjects is more than there are kinds, with a few channels each.
const (
	maxSubjects     = 512
	maxSubjectBytes = 256
)

// Subject is ParseSubject for subjects that come again and again.
func (d *Decoder) Subject(name string) (k Kind, channel string, ok bool) {
	s, known := d.subjects[name]
	if !known {
		name = strings.Clone(name) // it may be a part of something larger, and what is returned is a part of it
		s.kind, s.channel, s.ok = ParseSubject(name)
		if len(d.subjects) < maxSubjects && len(name) <= maxSubjectBytes {
			d.subjects[name] = s
		}
	}
	return s.kind, s.channel, s.ok
}

// Decode reads one event in a pooled Decoder; see Decoder.Decode.
func Decode(kind Kind, data []byte) (*Event, error) {
	d := decoders.Get().(*Decoder)
	defer decoders.Put(d)
	return d.Decode(kind, data)
}

var decoders = sync.Pool{New: func() any { return NewDecoder() }}

// Decode reads the event of a kind from the body of its message. All older
// spellings are accepted, and what is unknown is kept in Extra. The result's raw
// fields share memory with data, which must not change afterwards.
func (d *Decoder) Decode(kind Kind, data []byte) (*Event, error) {
	e := &Event{Kind: kind, Payload: kind.NewPayload()}
	if err := d.decode(e, data); err != nil {
		return nil, fmt.Errorf("events: decode %s: %w", kind, err)
	}
	return e, nil
}

func (d *Decoder) decode(e *Event, data []byte) error {
	d.jx.ResetBytes(data)
	if d.jx.Next() != jx.Object {
		return ErrNotObject
	}
	d.c = coder{dec: &d.jx, names: d}
	var seconds float64
	err := d.jx.ObjBytes(func(jd *jx.Decoder, key []byte) error {
		return d.field(e, jd, key, &seconds)
	})
	if err != nil {
		return err
	}
	if e.TimeMS == 0 && seconds != 0 {
		if seconds > maxSeconds || seconds < -maxSeconds {
			return fmt.Errorf("field %q: %v seconds is not a time", fieldTimestamp, seconds)
		}
		e.TimeMS = int64(seconds * 1000)
	}
	if e.V == 0 {
		e.V = Version
	}
	if mark, ok := e.Payload.(*OutboundMark); ok {
		mark.takeID(e)
	}
	return d.end()
}

// end makes sure that nothing follows the object.
func (d *Decoder) end() error {
	if d.jx.Next() != jx.Invalid {
		return ErrTrailing
	}
	if err := d.jx.Skip(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTrailing
	}
	return nil
}

// maxSeconds is far beyond any time of day and far below what overflows.
const maxSeconds = 1e13

func (d *Decoder) field(e *Event, jd *jx.Decoder, key []byte, seconds *float64) error {
	var err error
	switch string(key) {
	case fieldID:
		if jd.Next() == jx.Number {
			return d.numericID(e, jd)
		}
		e.ID, err = readString(jd)
	case fieldVersion:
		var v int64
		v, err = readInt(jd)
		if v < 0 || v > 1<<20 {
			err = fmt.Errorf("version %d is out of range", v)
		}
		e.V = int(v)
	case fieldPlatform:
		e.Platform, err = d.name(jd)
	case fieldChannel:
		e.Channel, err = d.name(jd)
	case fieldTimestamp, olderTimestamp:
		*seconds, err = readFloat(jd)
	case fieldTimeMS:
		e.TimeMS, err = readInt(jd)
	case fieldReceivedMS:
		e.ReceivedMS, err = readInt(jd)
	case fieldPlatformData:
		var r jx.Raw
		r, err = jd.Raw()
		e.PlatformData = json.RawMessage(r)
	default:
		return d.payloadField(e, jd, key)
	}
	if err != nil {
		return fmt.Errorf("field %q: %w", key, err)
	}
	return nil
}

func (d *Decoder) payloadField(e *Event, jd *jx.Decoder, key []byte) error {
	if e.Payload != nil {
		d.c.key, d.c.hit, d.c.err = key, false, nil
		e.Payload.fields(&d.c)
		if d.c.hit || d.c.err != nil {
			return d.c.err
		}
	}
	name := string(key)
	r, err := jd.Raw()
	if err != nil {
		return fmt.Errorf("field %q: %w", name, err)
	}
	e.Extra = append(e.Extra, Field{Name: name, Value: json.RawMessage(r)})
	return nil
}

// numericID reads an id that is a number. Outcomes of outbound messages once
// carried their message's id there; elsewhere it is an id like any other.
func (d *Decoder) numericID(e *Event, jd *jx.Decoder) error {
	n, err := readInt(jd)
	if err != nil {
		return fmt.Errorf("field %q: %w", fieldID, err)
	}
	if mark, ok := e.Payload.(*OutboundMark); ok {
		mark.MessageID = n
		return nil
	}
	e.ID = strconv.FormatInt(n, 10)
	return nil
}

// name reads a text that repeats from event to event.
func (d *Decoder) name(jd *jx.Decoder) (string, error) {
	if jd.Next() == jx.Null {
		return "", jd.Null()
	}
	b, err := jd.StrBytes()
	if err != nil {
		return "", err
	}
	if s, ok := d.names[string(b)]; ok {
		return s, nil
	}
	s := string(b)
	if len(d.names) < maxNames && len(s) <= maxNameBytes {
		d.names[s] = s
	}
	return s, nil
}
