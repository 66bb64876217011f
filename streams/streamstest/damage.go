package streamstest

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/suite"
	"rosey/streams"

	"github.com/nats-io/nats.go/jetstream"
)

// FillBlock stores messages that the server cannot compress, until the store has begun
// another block behind the first.
func (e *Env) FillBlock(t testing.TB) {
	t.Helper()
	for i, data := range bulk() {
		e.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: fmt.Sprintf("bulk-%d", i+1), Data: data})
	}
}

// FillBucket does so to a bucket, with values under keys that begin with a prefix. The
// bucket is compressed from then on, as DamageBlockOf wants it: a stream that was made
// without is so from the next start of its server on.
func (e *Env) FillBucket(t testing.TB, bucket, prefix string) {
	t.Helper()
	js := e.Conn.JetStream()
	s, err := js.Stream(t.Context(), "KV_"+bucket)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.Compression, cfg.MaxMsgSize = jetstream.S2Compression, -1
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := e.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The line of before may not have been missed yet.
	var b *streams.Bucket
	suite.Eventually(t, "bucket "+bucket+" answers again", func() bool {
		b, err = e.Stream.Bucket(t.Context(), bucket)
		return err == nil
	})
	for i, data := range bulk() {
		if _, err := b.Create(t.Context(), fmt.Sprintf("%s%d", prefix, i+1), data); err != nil {
			t.Fatal(err)
		}
	}
}

// bulk is 12 MB, and a block has 8.
func bulk() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		random := rand.NewChaCha8([32]byte{})
		for i := range 40 {
			data := make([]byte, 300_000)
			_, _ = random.Read(data) // never fails
			if !yield(i, data) {
				return
			}
		}
	}
}

// DamageBlock overwrites a piece in the middle of a block of the stream's store, as a
// bad disk does, starts the server again, and opens the stream anew in the Env. What is
// stored counts as unreadable when nothing came of it for as long as patience says.
//
// The block must not be the last: the others are compressed, so that nothing of it can
// be read then, and the server does not know. The returned function mends it in the
// same way.
func (e *Env) DamageBlock(t testing.TB, block int, patience time.Duration) (mend func()) {
	t.Helper()
	return e.DamageBlockOf(t, streams.StreamName, block, patience)
}

// DamageBlockOf does so to another stream, which has to be a compressed one.
func (e *Env) DamageBlockOf(t testing.TB, stream string, block int, patience time.Duration) (mend func()) {
	t.Helper()
	path, whole := blockOf(t, e.store, stream, block)
	return e.replaceBlock(t, path, whole, damaged(whole), patience)
}

// DamageValueOf does so to one message alone, whose data occurs once in the first block
// of a stream that is not compressed: the server passes over it in silence then.
func (e *Env) DamageValueOf(t testing.TB, stream string, data []byte, patience time.Duration) (mend func()) {
	t.Helper()
	path := filepath.Join(e.store, "jetstream", "*", "streams", stream, "msgs", "1.blk")
	found, err := filepath.Glob(path)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, %v", path, found, err)
	}
	whole, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(whole, data); n != 1 {
		t.Fatalf("%q occurs %d times in %s, want once", data, n, found[0])
	}
	broken := slices.Clone(whole)
	broken[bytes.Index(whole, data)] ^= 0x55
	return e.replaceBlock(t, found[0], whole, broken, patience)
}

// replaceBlock damages a block, and returns what mends it.
func (e *Env) replaceBlock(t testing.TB, path string, whole, broken []byte, patience time.Duration) (mend func()) {
	t.Helper()
	replace := func(with []byte) {
		t.Helper()
		// The running server must never see half of it, and may have the old one in memory.
		fresh := filepath.Join(t.TempDir(), filepath.Base(path))
		err := errors.Join(os.WriteFile(fresh, with, 0o600), os.Rename(fresh, path), e.Server.Restart(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		user, password := e.Server.Credentials()
		e.Conn = connect(t, streams.Config{InProcess: e.Server.InProcessConn, User: user, Password: password, ReadPatience: patience})
		if e.Stream, err = streams.Open(t.Context(), e.Conn); err != nil {
			t.Fatal(err)
		}
	}
	replace(broken)
	return func() { t.Helper(); replace(whole) }
}

// blockOf returns a block of the stream's store once it is compressed.
func blockOf(t testing.TB, store, stream string, block int) (path string, whole []byte) {
	t.Helper()
	name := fmt.Sprintf("%d.blk", block)
	suite.Eventually(t, name+" is compressed", func() bool {
		found, err := filepath.Glob(filepath.Join(store, "jetstream", "*", "streams", stream, "msgs", name))
		if err != nil || len(found) != 1 {
			return false
		}
		path = found[0]
		whole, err = os.ReadFile(path)
		return err == nil && bytes.HasPrefix(whole, []byte("cmp"))
	})
	return path, whole
}

func damaged(block []byte) []byte {
	block = slices.Clone(block)
	clear(block[len(block)/2:][:64])
	return block
}
