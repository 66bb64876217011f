package projector

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"rosey/events"
	"rosey/schema"
	"rosey/streams"
)

// FuzzApplier_NoMessageStopsIt holds one database through all inputs: a message
// of any bytes on any kind is applied or becomes a dead letter. It never makes a
// statement fail, which would stop the projection at it for good.
func FuzzApplier_NoMessageStopsIt(f *testing.F) {
	kinds := events.Kinds()
	for i := range kinds {
		f.Add(uint8(i), "A-1", []byte(`{"id":"A-1","username":"ann","message":"hi","time_ms":1700000000000,"users":[{"username":"a"}]}`))
		f.Add(uint8(i), "", []byte(`{"message_id":1,"opened_ms":1,"initiator":"x","counts":[1],"items":[{"uid":1,"media":{}}],"uid":1,"after":"1"}`))
		f.Add(uint8(i), "B-9223372036854775807", []byte(`{"of":"x","kind":"bot.part","part":1,"parts":1,"data":"{}","previous":"A","observed_ms":-1}`))
	}
	for _, s := range newScript().play(evening()...).messages {
		kind, _, _ := events.ParseSubject(s.Subject)
		for i, k := range kinds {
			if k == kind {
				f.Add(uint8(i), s.MsgID, s.Data)
			}
		}
	}
	ctx := context.Background()
	db, err := schema.Create(ctx, filepath.Join(f.TempDir(), "rosey.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	a, err := NewApplier(ctx, db, testApplier())
	if err != nil {
		f.Fatal(err)
	}
	dec := events.NewDecoder()
	f.Fuzz(func(t *testing.T, kind uint8, id string, data []byte) {
		seq := a.Checkpoint().Seq
		var items []Item
		// Twice: the second one finds what the first one left in memory.
		for range 2 {
			seq++
			items = append(items, Decode(dec, streams.Message{
				Seq: seq, Time: time.UnixMilli(epochMS + int64(seq)), MsgID: id, Data: data,
				Subject: events.Subject(kinds[int(kind)%len(kinds)]),
			}))
		}
		if _, err := a.Apply(ctx, items); err != nil {
			t.Fatalf("apply: %v", err)
		}
		if got := a.Checkpoint().Seq; got != seq {
			t.Errorf("checkpoint %d, want %d", got, seq)
		}
	})
}
