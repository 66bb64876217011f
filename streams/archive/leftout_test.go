package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"rosey/streams"
	"rosey/streams/streamstest"
)

// leaky does not deliver all that there is, as a replica does that has lost something.
type leaky struct {
	streams.Source
	seq  uint64 // it has lost this one
	ends bool   // and all that follows it
}

func (l leaky) Next(ctx context.Context) (streams.Message, error) {
	m, err := l.Source.Next(ctx)
	switch {
	case err == nil && m.Seq >= l.seq && l.ends:
		return streams.Message{}, io.EOF
	case err == nil && m.Seq == l.seq:
		return l.Source.Next(ctx)
	}
	return m, err
}

// What a replica leaves out is no hole of the archive: the next export has it, and one
// after an erasure forgets that.
func TestWrite_TakesNothingForErasedThatTheStreamHas(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	for i := range 10 {
		env.Append(t, streams.AppendMessage{Subject: "rosey.db.user.joined", MsgID: fmt.Sprintf("p-%d", i+1), Data: []byte(`{}`)})
	}
	stream, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	erase := func(seq uint64) {
		t.Helper()
		if err := stream.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	erase(3)
	dir := t.TempDir()
	for name, lost := range map[string]leaky{"in between": {seq: 5}, "beside an erased one": {seq: 4}, "at the end": {seq: 8, ends: true}} {
		w := newWriter(dir, env.Stream, WriteOptions{})
		w.tap = func(s streams.Source) streams.Source {
			lost.Source = s
			return lost
		}
		if res, err := w.run(t.Context()); !errors.Is(err, streams.ErrLeftOut) || !strings.Contains(err.Error(), fmt.Sprintf("seq=%d,", lost.seq)) || res.LastSeq != 0 {
			t.Errorf("%s: %+v, %v; want ErrLeftOut for seq=%d and an archive of nothing", name, res, err, lost.seq)
		}
	}
	res, err := Write(t.Context(), dir, env.Stream, WriteOptions{})
	if err != nil || res.Messages != 9 || res.Erased != 1 {
		t.Fatalf("the next export: %+v, %v; want 9 messages and 1 erased", res, err)
	}
	erase(7)
	if res, err = Write(t.Context(), dir, env.Stream, WriteOptions{}); err != nil || res.Forgotten != 1 {
		t.Fatalf("after an erasure: %+v, %v; want that it is forgotten", res, err)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Get(t.Context(), 7); !errors.Is(err, streams.ErrMessageNotFound) {
		t.Errorf("what was erased on purpose: %v, want that the archive does not hold it", err)
	}
}
