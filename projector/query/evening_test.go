package query_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// start is when the evenings of these tests begin.
var start = time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)

// evening collects events and applies them to a database as a projector does.
type evening struct {
	t       testing.TB
	db      *schema.DB
	applier *projector.Applier
	items   []projector.Item
	seq     uint64
	numbers map[string]uint64 // of the producers, one for each channel
	now     time.Time
	channel string
}

func newEvening(t testing.TB) *evening {
	t.Helper()
	db, err := schema.Create(t.Context(), filepath.Join(t.TempDir(), "rosey.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	a, err := projector.NewApplier(t.Context(), db, projector.ApplierConfig{Identity: streams.Identity{ID: "stream", Created: start}})
	if err != nil {
		t.Fatal(err)
	}
	return &evening{t: t, db: db, applier: a, numbers: map[string]uint64{}, now: start, channel: "tv"}
}

// after moves the clock on.
func (e *evening) after(d time.Duration) *evening {
	e.now = e.now.Add(d)
	return e
}

// in goes on in another channel.
func (e *evening) in(channel string) *evening {
	e.channel = channel
	return e
}

// lose leaves a hole in the producer's numbering.
func (e *evening) lose(n uint64) *evening {
	e.numbers[e.channel] += n
	return e
}

func (e *evening) happened(kind events.Kind, p events.Payload) *evening {
	e.t.Helper()
	e.seq++
	e.numbers[e.channel]++
	data, err := events.Encode(&events.Event{
		ID: events.MakeID("run"+events.Token(e.channel), e.numbers[e.channel]), Platform: events.PlatformCyTube, Channel: e.channel,
		TimeMS: e.now.UnixMilli(), ReceivedMS: e.now.UnixMilli(), Kind: kind, Payload: p,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	e.items = append(e.items, projector.Decode(events.NewDecoder(), streams.Message{
		Seq: e.seq, Time: e.now, Subject: events.Subject(kind), Data: data,
	}))
	return e
}

func (e *evening) joined(name string) *evening {
	return e.happened(events.KindUserJoined, &events.UserJoined{User: events.User{Username: name, Rank: 1}})
}

func (e *evening) left(name string) *evening {
	return e.happened(events.KindUserLeft, &events.UserLeft{Username: name})
}

func (e *evening) said(name, text string) *evening {
	return e.after(time.Millisecond).happened(events.KindMessageLog, &events.MessageLog{Username: name, Message: text})
}

func (e *evening) counted(chat, connected int64) *evening {
	return e.happened(events.KindUserCount, &events.Counts{Chat: chat, Connected: connected})
}

func (e *evening) played(title string) *evening {
	return e.happened(events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: "id", Title: title, Seconds: 60})
}

// tables applies what was collected and returns the database, for reading.
func (e *evening) tables() schema.Queryer {
	e.t.Helper()
	if _, err := e.applier.Apply(e.t.Context(), e.items); err != nil {
		e.t.Fatal(err)
	}
	e.items = nil
	r, err := schema.OpenReader(e.t.Context(), e.db.Path())
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = r.Close() })
	return r
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
