package embedded_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"rosey/streams"
	"rosey/streams/embedded"
)

// records are where the records of a block begin that is not compressed.
func records(t *testing.T, folder, block string) []int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "msgs", block))
	if err != nil {
		t.Fatal(err)
	}
	var at []int
	for n := 0; n < len(raw); n += int(binary.LittleEndian.Uint32(raw[n:]) &^ (1 << 31)) {
		at = append(at, n)
	}
	if len(at) < 3 {
		t.Fatalf("block %s has %d records, the test needs three", block, len(at))
	}
	return at
}

// far changes the sequence of the record that begins there, to one that the server still
// has the memory for.
func far(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[at+4+3] ^= 0x02; return b }
}

// closedStore makes a store that was closed in order, with messages in the queue of the
// bot. It returns the folder of its streams.
func closedStore(t *testing.T, dir string) string {
	t.Helper()
	folder := filepath.Dir(stored(t, dir))
	s := start(t, dir, nil)
	c := admin(t, s)
	queue, err := c.JetStream().KeyValue(t.Context(), streams.OutboundBucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		if _, err := queue.PutString(t.Context(), key, "text"); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	shutdown(t, s)
	return folder
}

// With an index that it trusts, a server would note as deleted what lies before a
// sequence with a bad bit, until there is no memory left. So it is not started.
func TestStart_ASequenceThatIsNotWhatWasWritten(t *testing.T) {
	t.Parallel()
	original := t.TempDir()
	stream := filepath.Join(closedStore(t, original), streams.StreamName)
	all := blocks(t, stream)
	tests := map[string]struct {
		stream, block string
		record        func(all []int) int
	}{
		"of the last block":       {streams.StreamName, all[len(all)-1], func(all []int) int { return all[1] }},
		"of the last record":      {streams.StreamName, all[len(all)-1], func(all []int) int { return all[len(all)-1] }},
		"of a message that waits": {streams.OutboundStream, "1.blk", func(all []int) int { return all[2] }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
				t.Fatal(err)
			}
			folder := filepath.Join(dir, "jetstream", "$G", "streams", test.stream)
			at := test.record(records(t, folder, test.block))
			change(t, folder, test.block, far(at))
			before := files(t, folder)
			var begun atomic.Bool
			_, err := embedded.Start(t.Context(), config(dir, func(c *embedded.Config) { c.Starting(func() { begun.Store(true) }) }))
			var damaged *embedded.DamagedError
			if !errors.As(err, &damaged) || damaged.Stream != test.stream || len(damaged.Blocks) != 1 {
				t.Fatalf("start: %v, want the damage to one block of %s", err, test.stream)
			}
			if begun.Load() {
				t.Error("the server was started, want it to be refused before")
			}
			if b := damaged.Blocks[0]; b.Path != filepath.Join(folder, "msgs", test.block) || b.ReadableBytes != int64(at) {
				t.Errorf("damaged is %+v, want %s at %d", b, test.block, at)
			}
			same(t, "after the start", files(t, folder), before)
			nothingKept(t, dir)
			change(t, folder, test.block, func(b []byte) []byte { return b[:at] })
			if got := count(t, dir); got < messagesStored/2 {
				t.Errorf("cut off there, the store has %d messages of %d", got, messagesStored)
			}
		})
	}
}

// Without an index the server looks at each checksum, and takes the last record for a
// write that was cut off, whatever its sequence is.
func TestStart_AnUnfinishedWriteWithAnySequence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := stored(t, dir)
	all := blocks(t, folder)
	last := all[len(all)-1]
	at := records(t, folder, last)
	change(t, folder, last, far(at[len(at)-1]))
	if got := count(t, dir); got != messagesStored-1 {
		t.Errorf("%d messages are left of %d", got, messagesStored)
	}
	nothingKept(t, dir)
}

// No advice costs events where none is damaged.
func TestDamagedError_RemedyOfABucket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := filepath.Dir(stored(t, dir))
	tests := map[string]struct{ says, saysNot string }{
		streams.StreamName:     {"rosey import events DIR", "rosey outbound list"},
		streams.OutboundStream: {"rosey outbound list", "rosey import"},
		"KV_ROSEY_LEASES":      {"nothing is lost", "rosey import"},
		"KV_ROSEY_BOTS":        {"nothing is lost", "rosey import"},
	}
	for name, test := range tests {
		stream := filepath.Join(folder, name)
		if _, err := os.Stat(stream); err != nil {
			t.Errorf("the stream %s: %v", name, err)
		}
		path := filepath.Join(stream, "msgs", "1.blk")
		e := &embedded.DamagedError{Stream: name, Folder: stream, Blocks: []embedded.BlockDamage{{Path: path, ReadableBytes: 7}}}
		if got := e.Remedy(); !strings.Contains(got, test.says) || strings.Contains(got, test.saysNot) || !strings.Contains(got, "'"+path+"'") {
			t.Errorf("%s: %s, want %q and not %q", name, got, test.says, test.saysNot)
		}
		e.Blocks = nil
		if got := e.Remedy(); name != streams.StreamName && !strings.Contains(got, "'"+stream+"'") {
			t.Errorf("%s without a block: %s", name, got)
		}
	}
}
